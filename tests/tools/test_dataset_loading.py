"""A folder of photos becomes a data set without leaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.errors import DatasetError
from edge_cls_tools.dataset import loading as module
from edge_cls_tools.dataset.loading import Dataset, load_dataset, photos_below, photos_of

WriteClass = Callable[..., None]


@pytest.fixture
def write_class() -> WriteClass:
    """Writes `count` different photos into a folder; the same `first` gives the same photos."""

    def write(folder: Path, count: int, first: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(first, first + count):
            pixels = np.random.default_rng(index).integers(0, 256, (10, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index:03d}.png")

    return write


def names(dataset: Dataset) -> list[list[str]]:
    return [
        sorted(f"{photo.label}/{photo.path.name}" for photo in split)
        for split in (dataset.train, dataset.validation, dataset.test)
    ]


def test_a_folder_per_class_is_split_by_class(tmp_path: Path, write_class: WriteClass) -> None:
    write_class(tmp_path / "cat", 100)
    write_class(tmp_path / "dog", 20, first=100)
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("cat", "dog")
    counts = [
        [sum(photo.label == label for photo in split) for label in (0, 1)]
        for split in (dataset.train, dataset.validation, dataset.test)
    ]
    assert counts == [[65, 13], [15, 3], [20, 4]]


def test_the_split_depends_on_seed_and_content_only(tmp_path: Path, write_class: WriteClass) -> None:
    write_class(tmp_path / "a" / "cat", 30)
    write_class(tmp_path / "a" / "dog", 30, first=30)
    first = load_dataset(tmp_path / "a", seed=1)
    assert names(load_dataset(tmp_path / "a", seed=1)) == names(first)
    assert names(load_dataset(tmp_path / "a", seed=2)) != names(first)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b" / "cat" / "000.png").rename(tmp_path / "b" / "cat" / "zzz.png")
    moved = load_dataset(tmp_path / "b", seed=1)
    for before, after in zip(
        (first.train, first.validation, first.test), (moved.train, moved.validation, moved.test), strict=True
    ):
        assert {photo.digest for photo in before} == {photo.digest for photo in after}


def test_copies_of_a_photo_are_in_one_split(tmp_path: Path, write_class: WriteClass) -> None:
    for label, first in (("cat", 0), ("dog", 50)):
        write_class(tmp_path / label, 20, first=first)
        for photo in list((tmp_path / label).iterdir()):
            for copy in range(4):
                (tmp_path / label / f"{photo.stem}-copy{copy}.png").write_bytes(photo.read_bytes())
    dataset = load_dataset(tmp_path)
    train, validation, test = (
        {photo.digest for photo in split} for split in (dataset.train, dataset.validation, dataset.test)
    )
    assert train | validation | test == {photo.digest for photo in photos_of(tmp_path, ("cat", "dog"))}
    assert not train & validation
    assert not train & test
    assert not validation & test


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_given_splits_are_kept(tmp_path: Path, write_class: WriteClass, validation: str) -> None:
    for split, first in (("train", 0), (validation, 20), ("test", 40)):
        write_class(tmp_path / split / "cat", 5, first=first)
        write_class(tmp_path / split / "dog", 5, first=first + 10)
    dataset = load_dataset(tmp_path)
    assert {photo.path.parts[-3] for photo in dataset.train} == {"train"}
    assert {photo.path.parts[-3] for photo in dataset.validation} == {validation}
    assert {photo.path.parts[-3] for photo in dataset.test} == {"test"}
    assert dataset.moved == 0


def test_photos_that_the_test_folder_has_too_are_not_trained_on(tmp_path: Path, write_class: WriteClass) -> None:
    for split, first in (("train", 0), ("test", 8)):
        write_class(tmp_path / split / "cat", 10, first=first)
        write_class(tmp_path / split / "dog", 10, first=first + 100)
    dataset = load_dataset(tmp_path)
    assert dataset.moved == 4
    trained = {photo.digest for photo in (*dataset.train, *dataset.validation)}
    assert not trained & {photo.digest for photo in dataset.test}
    assert len(dataset.test) == 20


def test_a_class_may_be_called_test(tmp_path: Path, write_class: WriteClass) -> None:
    write_class(tmp_path / "test", 10)
    write_class(tmp_path / "contest", 10, first=10)
    assert load_dataset(tmp_path).labels == ("contest", "test")


def test_photos_are_found_in_folders_below_a_class_and_hidden_ones_are_not(
    tmp_path: Path, write_class: WriteClass
) -> None:
    write_class(tmp_path / "cat" / "2024" / "may", 3)
    write_class(tmp_path / "dog", 3, first=3)
    write_class(tmp_path / ".thumbnails", 3, first=6)
    (tmp_path / "dog" / "._003.png").write_bytes(b"what a Mac leaves behind")
    (tmp_path / "dog" / "notes.txt").write_text("not a photo")
    assert [photo.label for photo in photos_of(tmp_path, ("cat", "dog"))] == [0, 0, 0, 1, 1, 1]


def no_folder(root: Path, _: WriteClass) -> Path:
    return root / "nowhere"


def no_photos(root: Path, _: WriteClass) -> Path:
    (root / "cat").mkdir()
    return root


def photos_without_classes(root: Path, write: WriteClass) -> Path:
    write(root, 5)
    return root


def one_class(root: Path, write: WriteClass) -> Path:
    write(root / "cat", 10)
    return root


def too_few(root: Path, write: WriteClass) -> Path:
    write(root / "cat", 10)
    write(root / "dog", 2, first=10)
    return root


def only_a_test_folder(root: Path, write: WriteClass) -> Path:
    write(root / "test" / "cat", 3)
    return root


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (no_folder, "is not a folder"),
        (no_photos, "holds no folder with photos"),
        (photos_without_classes, "holds no folder with photos"),
        (one_class, "holds 1 class with photos"),
        (too_few, "class dog has too few"),
        (only_a_test_folder, "no train folder"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_reported(
    tmp_path: Path, write_class: WriteClass, make: Callable[[Path, WriteClass], Path], says: str
) -> None:
    with pytest.raises(DatasetError, match=says):
        load_dataset(make(tmp_path, write_class))


def test_a_class_that_the_model_does_not_have_is_reported(tmp_path: Path, write_class: WriteClass) -> None:
    write_class(tmp_path / "cat", 3)
    write_class(tmp_path / "horse", 3, first=3)
    with pytest.raises(DatasetError, match="horse is not a class of the model"):
        photos_of(tmp_path, ("cat", "dog"))


def test_the_test_folder_of_a_split_data_set_is_measured(tmp_path: Path, write_class: WriteClass) -> None:
    write_class(tmp_path / "train" / "cat", 3)
    write_class(tmp_path / "test" / "cat", 3, first=3)
    assert module.test_folder(tmp_path) == tmp_path / "test"
    assert module.test_folder(tmp_path / "train") == tmp_path / "train"


def test_all_photos_below_a_folder_need_no_class_folders(tmp_path: Path, write_class: WriteClass) -> None:
    write_class(tmp_path / "photos", 2)
    write_class(tmp_path / "photos" / "deeper" / "still", 3)
    (tmp_path / "photos" / "notes.txt").write_text("not a photo")
    found = photos_below(tmp_path / "photos")
    assert [(photo.path.relative_to(tmp_path / "photos").as_posix(), photo.label) for photo in found] == [
        ("000.png", 0),
        ("001.png", 0),
        ("deeper/still/002.png", 0),
    ]
    assert len({photo.digest for photo in found}) == 3


@pytest.mark.parametrize(("name", "problem"), [("missing", "is not a folder"), ("", "holds no photos")])
def test_a_folder_without_photos_is_reported(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(DatasetError, match=problem):
        photos_below(tmp_path / name)
