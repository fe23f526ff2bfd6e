"""Moving unusable files away, and back: a manifest in the quarantine folder has the original path of each file."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_cls.errors import DatasetError, OutputError
from edge_cls.files import write_whole
from edge_cls_tools.dataset.check.findings import Finding

MANIFEST = "manifest.json"
"""The name of the manifest in the quarantine folder."""


class Entry(BaseModel):
    """One file: its path relative to the quarantine folder, its original path, and the reason for the move.

    Paths are text in Latin-1, so that they can have any bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    original: str
    reason: str


class Manifest(BaseModel):
    """The contents of manifest.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[Entry, ...] = ()


def quarantine(findings: Sequence[Finding], root: Path, folder: Path) -> list[Path]:
    """Move the files of `findings` out of the data set `root` into `folder`, and return their new paths.

    The manifest is on the disk before the first file is moved, so that a power cut loses no original path. Raises
    DatasetError if `folder` is inside the data set or has a damaged manifest, and OutputError if a file cannot be
    moved.
    """
    if folder.resolve().is_relative_to(root.resolve()):
        raise DatasetError(f"{folder} lies inside {root}", hint="name a folder beside the data set")
    entries = list(_read(folder).files) if os.path.lexists(folder / MANIFEST) else []
    taken = {folder / _path(entry.file) for entry in entries}
    moves = []
    for finding in findings:
        for path in finding.paths:
            target = _free(folder / path.relative_to(root), taken)
            taken.add(target)
            original = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow a link, which is moved itself
            file = _text(target.relative_to(folder))
            entries.append(Entry(file=file, original=_text(original), reason=finding.message))
            moves.append((path, target))
    if moves:
        _write(folder, entries)
    for path, target in moves:
        _move(path, target)
    return [target for _, target in moves]


def restore(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Move the files in quarantine back; return their original paths, and the files that had to stay with the reason.

    Files that stay are kept in the manifest. Raises DatasetError if `folder` has no manifest, or a damaged one.
    """
    restored: list[Path] = []
    kept: list[tuple[Path, str]] = []
    left: list[Entry] = []
    for entry in _read(folder).files:
        source, target = folder / _path(entry.file), _path(entry.original)
        if ".." in source.parts[len(folder.parts) :] or _path(entry.file).is_absolute():
            kept.append((source, f"{MANIFEST} names a file outside the quarantine folder"))
            left.append(entry)
        elif not os.path.lexists(source):
            continue  # it was never moved, because of a power cut or an error, or a person has moved it
        elif os.path.lexists(target):
            kept.append((source, f"{target} exists"))
            left.append(entry)
        else:
            _move(source, target)
            restored.append(target)
    if left:
        _write(folder, left)
    else:
        (folder / MANIFEST).unlink()
        _remove_empty(folder)
    return restored, kept


def _read(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(
            f"{folder} holds no {MANIFEST}", hint="name the folder given to 'edge-cls dataset check --quarantine'"
        ) from None
    except ValidationError:
        raise DatasetError(f"{folder / MANIFEST} is damaged", hint="move the files back by hand") from None
    except OSError as error:
        raise DatasetError(f"{folder / MANIFEST} cannot be read ({error.strerror})", hint="check its rights") from error


def _write(folder: Path, entries: Sequence[Entry]) -> None:
    write_whole(folder / MANIFEST, Manifest(files=tuple(entries)).model_dump_json(indent=2).encode() + b"\n")


def _remove_empty(folder: Path) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # the folder holds other files of the user
            Path(path).rmdir()


def _text(path: Path | str) -> str:
    """Return a path as text that JSON and pydantic accept, whatever bytes it has."""
    return os.fsencode(path).decode("latin-1")


def _path(text: str) -> Path:
    return Path(os.fsdecode(text.encode("latin-1")))


def _free(path: Path, taken: set[Path]) -> Path:
    """Return `path`, or a similar path if it exists or is in `taken`."""
    number, free = 1, path
    while os.path.lexists(free) or free in taken or free.name == MANIFEST:
        number += 1
        free = path.with_name(f"{path.stem}~{number}{path.suffix}")
    return free


def _move(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # a file without permission to move must not be copied either
                raise
            shutil.move(source, target)
    except OSError as error:
        raise OutputError(
            f"{source} cannot be moved to {target} ({error.strerror})", hint="check the disk and the rights of both"
        ) from error
