"""Robustness is measured on the same photos in the same way, whatever their names are."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.evaluation.corruptions import CORRUPTIONS
from edge_cls_tools.evaluation.predictions import photos_for
from edge_cls_tools.evaluation.robustness import (
    backdrop_of,
    corrupted_frames,
    measure_robustness,
    stratified_sample,
    working_frame,
)
from tests.colors import COLORS, color_frame, write_colors


@pytest.fixture
def model(tiny: Path) -> Model:
    return Model(read_model(tiny))


@pytest.fixture
def photos(tmp_path: Path, model: Model) -> list[Photo]:
    write_colors(tmp_path / "colors", count=3)
    return photos_for(model, tmp_path / "colors")


def test_a_colour_model_is_robust_to_corruptions_that_keep_the_colours(model: Model, photos: list[Photo]) -> None:
    done: list[int] = []
    result = measure_robustness(model, photos, limit=100, advance=done.append)
    assert (result.photos, result.available, sum(done)) == (9, 9, 9)
    assert result.clean_accuracy == 1.0
    assert set(result.kinds) == {kind.name for kind in CORRUPTIONS}
    for name in ("rotation", "perspective", "nearer", "farther", "deformation", "defocus", "motion"):
        assert result.kinds[name].accuracy == (1.0,) * 5, name
    # The photo covers a sixth of a backdrop of another colour, which the model sees.
    assert result.kinds["clutter"].accuracy[4] < 0.5
    cells = [accuracy for kind in result.kinds.values() for accuracy in kind.accuracy]
    assert result.mean_accuracy == pytest.approx(np.mean(cells))


def test_names_and_order_of_the_files_do_not_matter(model: Model, photos: list[Photo], tmp_path: Path) -> None:
    for photo in photos:
        target = tmp_path / "renamed" / model.labels[photo.label] / f"{photo.digest.hex()}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(photo.path.read_bytes())
    renamed = photos_for(model, tmp_path / "renamed")
    assert [photo.digest for photo in renamed] != [photo.digest for photo in photos]
    results = [measure_robustness(model, of, limit=6, advance=lambda _: None) for of in (photos, renamed)]
    assert results[0] == results[1]


def test_a_sample_gives_each_class_its_share() -> None:
    rng = np.random.default_rng(0)
    photos = [Photo(Path(f"{i}"), int(i >= 60) + int(i >= 90), rng.bytes(32)) for i in range(100)]
    sample = stratified_sample(photos, 20)
    assert np.bincount([photo.label for photo in sample]).tolist() == [12, 6, 2]
    assert stratified_sample(photos[::-1], 20) == sample
    assert len(stratified_sample(photos, 1000)) == 100


def test_large_photos_are_reduced_and_small_ones_are_not(tmp_path: Path) -> None:
    for name, size in (("large", (1200, 960)), ("small", (60, 40))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    assert working_frame(Photo(tmp_path / "large.png", 0, b"")).shape == (480, 600, 3)
    assert working_frame(Photo(tmp_path / "small.png", 0, b"")).shape == (40, 60, 3)


def test_the_backdrop_shows_another_class_or_noise(photos: list[Photo]) -> None:
    for photo in photos:
        mean = backdrop_of(photo, photos).mean(axis=(0, 1))
        own = list(COLORS)[::-1][photo.label]  # blue, green, red
        assert np.argmax(mean) != np.argmax(COLORS[own])
        alone = [other for other in photos if other.label == photo.label]
        assert backdrop_of(photo, alone).std() > 60


def test_each_photo_has_its_own_random_numbers_for_all_strengths(photos: list[Photo]) -> None:
    occlusion = next(kind for kind in CORRUPTIONS if kind.name == "occlusion")
    frame = np.asarray(color_frame("red", side=100))
    one, other = (list(corrupted_frames(occlusion, photo, frame, frame)) for photo in photos[:2])
    assert not (one[4] == other[4]).all()
    covered = [(changed != frame).any(axis=2) for changed in one]
    assert all((weak <= strong).mean() > 0.99 for weak, strong in itertools.pairwise(covered))
