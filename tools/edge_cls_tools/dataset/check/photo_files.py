"""All files of a data set, including those that training ignores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_cls.images.reading import SUFFIXES
from edge_cls_tools.dataset.loading import SPLITS, split_folders


@dataclass(frozen=True)
class PhotoFile:
    """A file with the suffix of a photo; `split` is train, validation or test, or empty if the data set has none."""

    path: Path
    split: str
    label: str


@dataclass(frozen=True)
class Files:
    """The photos of a data set by path, its class folders as (split, label), and all other files.

    `ignored` has each other file or folder with the reason why training ignores it.
    """

    photos: tuple[PhotoFile, ...]
    classes: tuple[tuple[str, str], ...]
    ignored: tuple[tuple[Path, str], ...]


def find_files(root: Path) -> Files:
    """Return the files at `root`, which has a folder per class, or train, val and test folders of those.

    A link to a folder is followed if it is a class folder, but not below, as in `load_dataset`, so that a loop of links
    is not walked. Hidden files are left out. Raises DatasetError if `root` is not a folder.
    """
    folders = split_folders(root)
    photos: list[PhotoFile] = []
    classes: list[tuple[str, str]] = []
    ignored: list[tuple[Path, str]] = []
    for name, folder in folders.items():
        split = name if folder.name.lower() in SPLITS and folder != root else ""
        for entry in _entries(folder, ignored):
            if not _is_folder(entry):
                ignored.append((entry, "not in a class folder"))
                continue
            classes.append((split, entry.name.strip()))
            for path in _files_below(entry, ignored):
                if path.suffix.lower() in SUFFIXES:
                    photos.append(PhotoFile(path, split, entry.name.strip()))
                else:
                    ignored.append((path, f"{path.suffix or 'no suffix'} is not one of {', '.join(sorted(SUFFIXES))}"))
    return Files(tuple(photos), tuple(classes), tuple(ignored))


def _files_below(folder: Path, ignored: list[tuple[Path, str]]) -> Iterator[Path]:
    for entry in _entries(folder, ignored):
        if not _is_folder(entry):
            yield entry
        elif entry.is_symlink():
            ignored.append((entry, "a link to a folder"))
        else:
            yield from _files_below(entry, ignored)


def _entries(folder: Path, ignored: list[tuple[Path, str]]) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        ignored.append((folder, f"cannot be listed ({error.strerror})"))
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it is in a folder that may be listed but not entered
        return False
