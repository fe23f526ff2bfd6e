"""A pool is read from folders and tar archives; its random views are augmented photos."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import DatasetError, ImageError
from edge_cls.images.reading import read_image
from edge_cls_tools.distillation.augmentation import random_view
from edge_cls_tools.distillation.photo_pool import find_photos
from tests.colors import color_frame, write_colors


def test_photos_in_folders_and_archives_are_found_in_a_stable_order(tmp_path: Path) -> None:
    write_colors(tmp_path / "a", count=2)
    write_colors(tmp_path / "packed", count=1)
    (tmp_path / "b").mkdir()
    with tarfile.open(tmp_path / "b" / "photos.tar", "w") as archive:
        archive.add(tmp_path / "packed", arcname="packed")
    photos = find_photos([tmp_path / "a", tmp_path / "b"])
    assert photos == find_photos([tmp_path / "a", tmp_path / "b"])
    assert len(photos) == 6 + 3
    packed = {photo.read().tobytes() for photo in photos[6:]}
    assert packed == {read_image(path).tobytes() for path in (tmp_path / "packed").rglob("*.png")}


def test_a_pool_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no photos found in"):
        find_photos([tmp_path])


def test_a_damaged_photo_in_an_archive_is_named_by_its_archive(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(tmp_path / "broken.jpg", arcname="broken.jpg")
    (tmp_path / "broken.jpg").unlink()
    with pytest.raises(ImageError, match=r"photos\.tar"):
        find_photos([tmp_path])[0].read()


@given(width=st.integers(8, 300), height=st.integers(8, 300), size=st.integers(8, 128), seed=st.integers(0, 2**32))
def test_a_view_is_a_square_of_the_photo_and_depends_on_the_seed_alone(
    width: int, height: int, size: int, seed: int
) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    view = random_view(photo, size, np.random.default_rng(seed))
    assert view.shape == (size, size, 3)
    assert view.dtype == np.uint8
    assert np.array_equal(view, random_view(photo, size, np.random.default_rng(seed)))


def test_views_keep_the_order_of_the_colours() -> None:
    for seed in range(20):
        view = random_view(color_frame("red", side=84), 64, np.random.default_rng(seed))
        red, green, blue = view.reshape(-1, 3).mean(axis=0)
        assert red > 1.5 * max(green, blue)
