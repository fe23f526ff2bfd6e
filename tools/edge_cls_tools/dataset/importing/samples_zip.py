"""A ZIP of a folder a class, as Teachable Machine exports its samples; taken as a stranger's file, for what it is."""

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
MAX_FILE, MAX_ALL = 100_000_000, 10_000_000_000
MAX_RATIO = 100
"""Photos are packed already: what unpacks to so much more than it takes is a bomb."""


def import_samples(path: Path, out: Path, advance: Callable[[int], None]) -> int:
    """Unpack the photos of the ZIP at `path` to `out`, a folder a class, and return their number.

    The folder that a photo lies in is its class; what is no photo is passed over. Raises DatasetError, and unpacks
    nothing, for an archive that is damaged, has no folders, or holds a name that leads out of the folder, a link, or
    more than the limits allow; OutputError where `out` cannot be written.
    """
    limits = Limits(MAX_FILES, MAX_FILE, total=MAX_ALL, ratio=MAX_RATIO)
    with _opened(path) as whole, Archive(whole, str(path), error=DatasetError, limits=limits) as archive:
        photos = [member for member in archive.members if _is_photo(member)]
        if not photos:
            raise DatasetError(
                f"{path} holds no photo", hint=f"pack a folder a class, of {', '.join(sorted(SUFFIXES))} files"
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
    # What a Mac adds to an archive is called like the photos.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and "__MACOSX" not in path.parts


def _place(path: Path, photo: zipfile.ZipInfo) -> tuple[str, str]:
    """Return class and file name of a photo. Raises DatasetError if it has none, or one that is not portable."""
    inside = PurePosixPath(photo.filename)
    if "\\" in photo.filename or ":" in photo.filename:
        raise DatasetError(f"{path} holds {photo.filename!r}, a path of Windows", hint="pack it with another program")
    if len(inside.parts) < 2 or inside.parts[-2].startswith("."):
        raise DatasetError(f"{photo.filename!r} lies in no folder of {path}", hint="pack a folder a class")
    # The whole path becomes the name, so that two folders of one class do not overwrite each other.
    return check_label(inside.parts[-2]), "-".join((*inside.parts[:-2], inside.name))
