"""The files of an export, in a folder or a ZIP, read into memory one by one and never unpacked to the disk."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_cls.archive import Archive, Limits
from edge_cls.errors import ModelError
from edge_cls.files import open_regular

MAX_SIZE = 128 * 2**20
"""Bytes of the largest model, and of the ZIP around it. The largest MobileNet has 25 MB as a float model."""
_MAX_FILES = 1000


@dataclass(frozen=True)
class Files:
    """The files at `place`: their base names, and the function that returns the content of one."""

    place: str
    names: frozenset[str]
    read: Callable[[str], bytes]


def open_files(path: Path) -> Files:
    """Return the files of a folder or a ZIP. Raises ModelError if they cannot be an export."""
    return _folder(path) if path.is_dir() else zip_files(str(path), read_file(path))


def read_file(path: Path) -> bytes:
    """Return the content of a file. Raises ModelError if it is missing, not a regular file, or over `MAX_SIZE`."""
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
        raise ModelError(f"{path} cannot be read ({error.strerror})", hint="check its permissions") from error
    if len(found) > _MAX_FILES:
        raise ModelError(
            f"{path} holds over {_MAX_FILES} files, too many for an export", hint="give the export's own folder"
        )
    return Files(str(path), frozenset(one.name for one in found), lambda name: read_file(path / name))


def zip_files(place: str, content: bytes) -> Files:
    """Return the files of a ZIP. Raises ModelError if it is damaged, or unsafe."""
    archive = Archive(content, place, error=ModelError, limits=Limits(_MAX_FILES, MAX_SIZE))
    archive.check_safe(archive.members)
    members: dict[str, str] = {}
    for member in archive.members:
        path = PurePosixPath(member.filename)
        # macOS adds a file of the same name beside each file.
        if member.is_dir() or "__MACOSX" in path.parts or path.name.startswith("."):
            continue
        if path.name in members:
            raise ModelError(f"{place} holds {path.name} twice", hint="unpack it, and give the folder of one model")
        members[path.name] = member.filename
    return Files(place, frozenset(members), lambda name: archive.read(members[name]))
