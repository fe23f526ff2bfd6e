"""A ZIP of a folder a class, as Teachable Machine exports its samples; taken as a stranger's file, for what it is."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

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
    try:
        with _opened(path) as whole, zipfile.ZipFile(whole) as archive:
            members = [(info, _place(info)) for info in archive.infolist() if _is_photo(info)]
            _check_sizes(path, [info for info, _ in members])
            with new_folder(out) as folder:
                for info, (label, name) in members:
                    target = folder / label / name
                    target.parent.mkdir(exist_ok=True)
                    with archive.open(info) as source, target.open("xb") as file:
                        shutil.copyfileobj(source, file)
                    advance(1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path} cannot be unpacked ({error})", hint="download it again") from error
    return len(members)


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


def _place(info: zipfile.ZipInfo) -> tuple[str, str]:
    """Return class and file name of a photo. Raises DatasetError for a name that could lead elsewhere."""
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
        raise DatasetError(f"the archive holds {info.filename!r}, which leads out of it", hint="do not trust it")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DatasetError(f"the archive holds a link, {info.filename!r}", hint="do not trust it")
    if len(path.parts) < 2 or path.parts[-2].startswith("."):
        raise DatasetError(f"{info.filename!r} lies in no folder of the archive", hint="pack a folder a class")
    # The whole path is the name, so that two folders of one class do not overwrite each other.
    return check_label(path.parts[-2]), "-".join((*path.parts[:-2], path.name))


def _check_sizes(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if not infos:
        raise DatasetError(
            f"{path} holds no photo", hint=f"pack a folder a class, of {', '.join(sorted(SUFFIXES))} files"
        )
    size, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    # `zipfile` never unpacks more of a file than its header says.
    too_large = len(infos) > MAX_FILES or size > MAX_ALL or max(info.file_size for info in infos) > MAX_FILE
    if too_large or size > MAX_RATIO * max(packed, 1):
        raise DatasetError(
            f"{path} unpacks to {len(infos)} files of {size / 1e6:,.0f} MB from {packed / 1e6:,.1f} MB",
            hint="if it is no bomb, unpack it yourself",
        )
