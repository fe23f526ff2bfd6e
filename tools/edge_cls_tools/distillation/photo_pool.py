"""Unlabelled photos for distillation, from folders of image files and tar archives."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_cls.errors import DatasetError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import SUFFIXES, read_image


@dataclass(frozen=True)
class PoolPhoto:
    """One photo: a file, or `size` bytes at `offset` in a tar archive; `size` is -1 for a file."""

    path: Path
    offset: int = 0
    size: int = -1

    def read(self) -> Frame:
        """Return the photo as an RGB frame. Raises ImageError if it cannot be decoded."""
        if self.size < 0:
            return read_image(self.path)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return read_image(file.read(self.size), f"a photo in {self.path}")


def find_photos(folders: Sequence[Path]) -> list[PoolPhoto]:
    """Return every photo below `folders`, in a stable order. Raises DatasetError if there are none."""
    photos = [photo for folder in folders for photo in _below(folder)]
    if not photos:
        raise DatasetError(
            f"no photos found in {', '.join(map(str, folders))}",
            hint="give folders that contain .jpg, .png, .webp or .bmp files, or .tar archives of them",
        )
    return photos


def _below(folder: Path) -> Iterator[PoolPhoto]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            yield PoolPhoto(path)
        elif path.suffix.lower() == ".tar":
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                        yield PoolPhoto(path, member.offset_data, member.size)
