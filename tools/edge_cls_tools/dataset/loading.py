"""Loading a folder of photos as a data set: classes, labels, and a split without leaks."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_cls.core.labels import check_label
from edge_cls.errors import DatasetError
from edge_cls.files import open_regular
from edge_cls.images.reading import MAX_FILE, SUFFIXES

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""The names of split folders, in lower case, and the split that each contains."""
VALIDATION_SHARE, TEST_SHARE = 0.15, 0.2
"""Shares of all photos that are taken for a split without a folder of its own."""
MIN_PHOTOS = 3
"""Fewest photos of a class: one each to train, validate and test."""


@dataclass(frozen=True)
class Photo:
    """A photo file, the index of its class, and the SHA-256 of its bytes."""

    path: Path
    label: int
    digest: bytes


@dataclass(frozen=True)
class Dataset:
    """The labels by class index, and the photos of each split. No file content is in two splits."""

    root: Path
    labels: tuple[str, ...]
    train: tuple[Photo, ...]
    validation: tuple[Photo, ...]
    test: tuple[Photo, ...]
    moved: int = 0
    """The number of photos left out of a split folder because a later split has the same content."""


def load_dataset(root: Path, *, seed: int = 0) -> Dataset:
    """Return the data set at `root`, which has a folder per class, or train, val and test folders of those.

    If the test or validation folder is missing, that split is taken from the training photos. It is stratified and
    drawn by content, so that it depends on the seed and the photos only, and copies of one photo stay together. Raises
    DatasetError if there are fewer than two classes, or a class has too few photos.
    """
    folders = split_folders(root)
    if "train" not in folders:
        raise DatasetError(
            f"{root} has {' and '.join(sorted(folders))} but no train folder",
            hint="add one, or name a folder with a folder per class",
        )
    labels = tuple(sorted(check_label(folder.name) for folder in _class_folders(folders["train"])))
    if len(labels) < 2:
        raise DatasetError(
            f"{folders['train']} holds {len(labels)} class{'es' if not labels else ''} with photos; two are needed",
            hint="make a folder per class, with photos in it",
        )
    splits = {name: photos_of(folder, labels) for name, folder in folders.items()}
    kept, moved = _without_leaks(splits)
    train = kept["train"]
    if "test" not in kept:
        kept["test"], train = _take(train, TEST_SHARE, f"test {seed}")
    if "validation" not in kept:
        share = VALIDATION_SHARE / (1 - TEST_SHARE)
        kept["validation"], train = _take(train, share, f"validation {seed}")
    counts = [sum(photo.label == index for photo in train) for index in range(len(labels))]
    if 0 in counts:
        raise DatasetError(
            f"class {labels[counts.index(0)]} has too few different photos to train, validate and test",
            hint=f"add photos (at least {MIN_PHOTOS}, better 20), or remove its folder",
        )
    return Dataset(root, labels, tuple(train), tuple(kept["validation"]), tuple(kept["test"]), moved)


def test_folder(root: Path) -> Path:
    """Return the folder to measure with: the test folder if `root` has split folders, otherwise `root` itself."""
    return split_folders(root).get("test", root)


def all_photos(root: Path) -> list[Photo]:
    """Return the photos of all splits at `root`, each content once; labels are indices of the sorted class names."""
    folders = split_folders(root).values()
    labels = sorted({folder.name.strip() for split in folders for folder in _class_folders(split)})
    photos = [photo for split in folders for photo in photos_of(split, labels)]
    return list({photo.digest: photo for photo in photos}.values())


def photos_below(root: Path) -> list[Photo]:
    """Return all photos in and below `root`, each content once, sorted by path; the label of each is 0.

    Raises DatasetError if `root` is not a folder, if there are no photos, or if a file cannot be read.
    """
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder", hint="name a folder with photos")
    photos = [Photo(path, 0, _digest(path)) for path in _photos_below(root)]
    if not photos:
        raise DatasetError(f"{root} holds no photos", hint=f"put {', '.join(sorted(SUFFIXES))} files there")
    return list({photo.digest: photo for photo in reversed(photos)}.values())[::-1]


def photos_of(root: Path, labels: Sequence[str]) -> list[Photo]:
    """Return the photos of the class folders in `root`, sorted by path.

    Raises DatasetError if a class is not among `labels`, or if a file cannot be read.
    """
    photos = []
    for folder in _class_folders(root):
        if folder.name.strip() not in labels:
            raise DatasetError(
                f"{folder} is not a class of the model (its classes are {', '.join(labels[:10])})",
                hint="rename or remove the folder, or train again",
            )
        label = labels.index(folder.name.strip())
        photos += [Photo(path, label, _digest(path)) for path in _photos_below(folder)]
    return photos


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each split, or {'train': root} if the data set has no splits.

    Raises DatasetError if `root` is not a folder.
    """
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder", hint="name a folder with a folder of photos per class")
    folders = [folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    named = {SPLITS[folder.name.lower()]: folder for folder in folders if folder.name.lower() in SPLITS}
    # A class may be called "test", so the data set is split only if all of its folders have names of splits.
    if named and len(named) == len(folders):
        return named
    return {"train": root}


def _class_folders(root: Path) -> list[Path]:
    folders = sorted(
        folder
        for folder in root.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and any(True for _ in _photos_below(folder))
    )
    if not folders:
        raise DatasetError(
            f"{root} holds no folder with photos",
            hint=f"make a folder per class, with {', '.join(sorted(SUFFIXES))} files",
        )
    return folders


def _photos_below(folder: Path) -> Iterable[Path]:
    return (
        path
        for path in sorted(_paths_below(folder))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _paths_below(folder: Path) -> Iterator[Path]:
    # Path.rglob would treat folders that may not be read as if they were empty.
    for parent, _, names in os.walk(folder, onerror=_unreadable):
        yield from (Path(parent, name) for name in names)


def _unreadable(error: OSError) -> None:
    raise DatasetError(
        f"{error.filename} cannot be read ({error.strerror})", hint="change its permissions, or remove it"
    ) from error


def _digest(path: Path) -> bytes:
    try:
        path.name.encode()
        with open_regular(path, limit=MAX_FILE) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except UnicodeEncodeError:
        raise DatasetError(f"the name of {path} is not valid UTF-8", hint="rename the file") from None
    except OSError as error:
        _unreadable(error)
        raise


def _without_leaks(splits: dict[str, list[Photo]]) -> tuple[dict[str, list[Photo]], int]:
    """Return the splits without photos that a later split has too, and the number of photos left out.

    Photos of the test split are removed from validation and train, those of the validation split from train.
    """
    kept: dict[str, list[Photo]] = {}
    seen: set[bytes] = set()
    for name in ("test", "validation", "train"):
        if name in splits:
            kept[name] = [photo for photo in splits[name] if photo.digest not in seen]
            seen |= {photo.digest for photo in kept[name]}
    return kept, sum(map(len, splits.values())) - sum(map(len, kept.values()))


def _take(photos: list[Photo], share: float, salt: str) -> tuple[list[Photo], list[Photo]]:
    """Return a stratified sample of about `share` of `photos`, and the others; copies of one photo stay together."""
    groups: dict[bytes, list[Photo]] = defaultdict(list)
    for photo in photos:
        groups[photo.digest].append(photo)
    by_label: dict[int, list[bytes]] = defaultdict(list)
    for digest, group in groups.items():
        by_label[group[0].label].append(digest)
    taken: set[bytes] = set()
    for digests in by_label.values():
        # Sorted by a hash of the content, so that neither names nor the order of files matter.
        digests.sort(key=lambda digest: hashlib.sha256(salt.encode() + digest).digest())
        taken.update(digests[: max(1, round(len(digests) * share))])
    return [p for p in photos if p.digest in taken], [p for p in photos if p.digest not in taken]
