"""Importing a ZIP with a folder per class, as Teachable Machine exports samples. The archive is not trusted."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from edge_cls.archive import Archive, Limits
from edge_cls.core.labels import check_label
from edge_cls.errors import DatasetError
from edge_cls.files import new_folder, open_regular
from edge_cls.images.reading import SUFFIXES

MAX_FILES = 200_000
"""Most photos in an archive."""
MAX_FILE, MAX_ALL = 100_000_000, 10_000_000_000
"""Most bytes of one unpacked file, and of all of them."""
MAX_RATIO = 100
"""Largest ratio of unpacked to packed size: photos are compressed already, so more means a decompression bomb."""


def import_samples(path: Path, out: Path, advance: Callable[[int], None]) -> int:
    """Unpack the photos of the ZIP at `path` to `out`, with a folder per class, and return their number.

    The class of a photo is the folder that it is in; other files are ignored. `advance` is called with the number of
    photos written. Raises DatasetError, and unpacks nothing, if the archive is damaged, has no folders, exceeds the
    limits, or has a link or a name that leads out of the folder; OutputError if `out` exists or cannot be written.
    """
    limits = Limits(MAX_FILES, MAX_FILE, total=MAX_ALL, ratio=MAX_RATIO)
    with _opened(path) as whole, Archive(whole, str(path), error=DatasetError, limits=limits) as archive:
        photos = [member for member in archive.members if _is_photo(member)]
        if not photos:
            raise DatasetError(
                f"{path} holds no photo", hint=f"pack a folder per class, with {', '.join(sorted(SUFFIXES))} files"
            )
        archive.check_safe(photos)
        archive.check_total(photos)
        places = [_place(path, photo) for photo in photos]
        with new_folder(out) as folder:
            for photo, (label, name) in zip(photos, places, strict=True):
                target = folder / label / name
                target.parent.mkdir(exist_ok=True)
                with target.open("xb") as file:
                    file.write(archive.read(photo.filename))
                advance(1)
    return len(photos)


def _opened(path: Path) -> io.BufferedReader:
    try:
        return open_regular(path, limit=MAX_ALL)
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist", hint="check the path") from None
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror})", hint="give a ZIP, and check its rights"
        ) from error


def _is_photo(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    # macOS adds files with the names of the photos to an archive.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and "__MACOSX" not in path.parts


def _place(path: Path, photo: zipfile.ZipInfo) -> tuple[str, str]:
    """Return the class and the file name of a photo. Raises DatasetError if it has none, or it is not portable."""
    inside = PurePosixPath(photo.filename)
    if "\\" in photo.filename or ":" in photo.filename:
        raise DatasetError(f"{path} holds {photo.filename!r}, a Windows path", hint="pack it with another program")
    if len(inside.parts) < 2 or inside.parts[-2].startswith("."):
        raise DatasetError(f"{photo.filename!r} is not in a folder of {path}", hint="pack a folder per class")
    # The whole path becomes the name, so that two folders of one class do not overwrite each other.
    return check_label(inside.parts[-2]), "-".join((*inside.parts[:-2], inside.name))
