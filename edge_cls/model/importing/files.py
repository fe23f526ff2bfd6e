"""The files of an export, in a folder or a ZIP, read into memory one by one and never unpacked to the disk.

A ZIP comes from anywhere, so nothing that it says of itself is trusted: neither sizes, nor paths, nor counts.
"""

from __future__ import annotations

import io
import itertools
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_cls.errors import ModelError
from edge_cls.files import ZIP_FAULTS, open_regular

MAX_SIZE = 128 * 2**20
"""Bytes of a model, and of the ZIP around it. The largest MobileNet has 25 MB as a float model."""
_MAX_FILES = 1000
_CENTRAL_ENTRY = b"PK\x01\x02"
_AGAIN = "export the model again"


@dataclass(frozen=True)
class Files:
    """The files at `place`: their base names, and how to read one."""

    place: str
    names: frozenset[str]
    read: Callable[[str], bytes]


def open_files(path: Path) -> Files:
    """Return the files of a folder or a ZIP. Raises ModelError for anything that cannot be an export."""
    return _folder(path) if path.is_dir() else zip_files(str(path), read_file(path))


def read_file(path: Path) -> bytes:
    """Return what a file holds. Raises ModelError where it is missing, no plain file, or over 128 MiB."""
    try:
        with open_regular(path, limit=MAX_SIZE) as file:
            return file.read()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror})", hint="give a .tflite file, or a ZIP or folder of an export"
        ) from error


def _folder(path: Path) -> Files:
    try:
        found = list(itertools.islice(path.iterdir(), _MAX_FILES + 1))
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror})", hint="check its rights") from error
    if len(found) > _MAX_FILES:
        raise ModelError(
            f"{path} holds over {_MAX_FILES} files, which is no export", hint="give the export's own folder"
        )
    return Files(str(path), frozenset(one.name for one in found), lambda name: read_file(path / name))


def zip_files(place: str, content: bytes) -> Files:
    """Return the files of a ZIP. Raises ModelError for an unsafe one."""
    # Each entry becomes an object of Python, so they are counted before zipfile reads them.
    if content.count(_CENTRAL_ENTRY) > _MAX_FILES:
        raise ModelError(f"{place} holds over {_MAX_FILES} files, which is no export", hint=_AGAIN)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ModelError(f"{place} is a damaged ZIP ({error})", hint="download or copy it again") from error
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        _refuse_unsafe(place, member)
        path = PurePosixPath(member.filename)
        # What macOS adds beside each file has the same name as the file.
        if member.is_dir() or "__MACOSX" in path.parts or path.name.startswith("."):
            continue
        if path.name in members:
            raise ModelError(f"{place} holds {path.name} twice", hint="unpack it, and give the folder of one model")
        members[path.name] = member

    def read(name: str) -> bytes:
        if members[name].file_size > MAX_SIZE:
            raise _too_large(f"{name} in {place}")
        try:
            return archive.read(members[name])
        except ZIP_FAULTS as error:
            raise ModelError(f"{name} in {place} is damaged ({error})", hint="download or copy it again") from error

    return Files(place, frozenset(members), read)


def _refuse_unsafe(place: str, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")):
        raise ModelError(f"{place} holds a path that leads out of it: {member.filename[:100]!r}", hint=_AGAIN)
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ModelError(f"{place} holds a link: {member.filename[:100]!r}", hint="pack the files themselves")
    if member.flag_bits & 1:
        raise ModelError(f"{place} is encrypted", hint="unpack it, and give the folder")
    # The other methods let a small file ask for gigabytes of memory to unpack it with.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(f"{place} is packed in an unusual way", hint="unpack it, and give the folder")


def _too_large(what: str) -> ModelError:
    return ModelError(f"{what} has over {MAX_SIZE // 2**20} MB", hint="give a model for small devices")
