"""All files of a data set, the ones that training would pass over too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_cls.images.reading import SUFFIXES
from edge_cls_tools.dataset.loading import SPLITS, split_folders


@dataclass(frozen=True)
class PhotoFile:
    """A file that is called a photo; `split` is train, validation or test, or empty where the data set has none."""

    path: Path
    split: str
    label: str


@dataclass(frozen=True)
class Files:
    """The photos of a data set by path, its class folders as (split, label), and what is no photo of a class.

    `ignored` says of each other file or folder why training does not see it.
    """

    photos: tuple[PhotoFile, ...]
    classes: tuple[tuple[str, str], ...]
    ignored: tuple[tuple[Path, str], ...]


def find_files(root: Path) -> Files:
    """Return the files at `root`, a folder a class, or train, val and test folders of those.

    Links to folders are followed where they stand for a class and not below, as `load_dataset` does it, so that no loop
    of links is walked. Hidden files are passed over. Raises DatasetError where `root` is no folder.
    """
    folders = split_folders(root)
    photos: list[PhotoFile] = []
    classes: list[tuple[str, str]] = []
    ignored: list[tuple[Path, str]] = []
    for name, folder in folders.items():
        split = name if folder.name.lower() in SPLITS and folder != root else ""
        for entry in _entries(folder, ignored):
            if not _is_folder(entry):
                ignored.append((entry, "in no class folder"))
                continue
            classes.append((split, entry.name.strip()))
            for path in _files_below(entry, ignored):
                if path.suffix.lower() in SUFFIXES:
                    photos.append(PhotoFile(path, split, entry.name.strip()))
                else:
                    ignored.append((path, f"{path.suffix or 'no suffix'} is none of {', '.join(sorted(SUFFIXES))}"))
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
    except OSError:  # in a folder that may be listed but not entered
        return False
