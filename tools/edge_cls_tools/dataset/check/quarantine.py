"""Unusable files out of the way, and back: a journal in the quarantine folder tells where each came from, and why."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_cls.errors import DatasetError, OutputError
from edge_cls.files import write_whole
from edge_cls_tools.dataset.check.findings import Finding

JOURNAL = "journal.jsonl"


class Entry(BaseModel):
    """One file: its name in the quarantine folder, the path that it had, and why it was moved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    came_from: str
    why: str


def quarantine(findings: Sequence[Finding], root: Path, folder: Path) -> list[Path]:
    """Move the files of `findings` out of the data set `root` into `folder`, and return where each lies now.

    Each move is in the journal, on the disk, before it is done, so that a power cut loses no way back. Raises
    DatasetError where `folder` lies in the data set, and OutputError where a file cannot be moved.
    """
    if folder.resolve().is_relative_to(root.resolve()):
        raise DatasetError(f"{folder} lies inside {root}", hint="name a folder beside the data set")
    moved = []
    for finding in findings:
        for path in finding.paths:
            target = _free(folder / path.relative_to(root))
            came_from = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow a link that is to be moved itself
            _append(
                folder, Entry(name=_text(target.relative_to(folder)), came_from=_text(came_from), why=finding.message)
            )
            _move(path, target)
            moved.append(target)
    return moved


def restore(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Move the files in quarantine back; return their paths, and those that had to stay with the reason.

    What stays is still in the journal. Raises DatasetError where `folder` has no journal, or a damaged one.
    """
    restored: list[Path] = []
    kept: list[tuple[Path, str]] = []
    left: list[Entry] = []
    for entry in _read(folder):
        source, target = folder / _path(entry.name), _path(entry.came_from)
        if ".." in source.parts[len(folder.parts) :] or _path(entry.name).is_absolute():
            kept.append((source, "the journal names a file outside the quarantine"))
            left.append(entry)
        elif not os.path.lexists(source):
            continue  # the power was cut before it was moved, or somebody has taken it
        elif os.path.lexists(target):
            kept.append((source, f"{target} exists"))
            left.append(entry)
        else:
            _move(source, target)
            restored.append(target)
    if left:
        write_whole(folder / JOURNAL, b"".join(_line(entry) for entry in left))
    else:
        (folder / JOURNAL).unlink()
        _remove_empty(folder)
    return restored, kept


def _read(folder: Path) -> list[Entry]:
    try:
        lines = (folder / JOURNAL).read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(
            f"{folder} holds no {JOURNAL}", hint="name the folder given to 'edge-cls dataset check --quarantine'"
        ) from None
    try:
        return [Entry.model_validate(json.loads(line)) for line in lines]
    except (ValueError, ValidationError):
        raise DatasetError(f"{folder / JOURNAL} is damaged", hint="move the files back by hand") from None


def _append(folder: Path, entry: Entry) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / JOURNAL).open("ab") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror})", hint="check the disk and its rights"
        ) from error


def _line(entry: Entry) -> bytes:
    return json.dumps(entry.model_dump()).encode() + b"\n"


def _remove_empty(folder: Path) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # somebody keeps something of his own there
            Path(path).rmdir()


def _text(path: Path | str) -> str:
    """Return a path as text that JSON and pydantic take, whatever bytes it holds."""
    return os.fsencode(path).decode("latin-1")


def _path(text: str) -> Path:
    return Path(os.fsdecode(text.encode("latin-1")))


def _free(path: Path) -> Path:
    """Return `path`, or one like it that is still free."""
    number, free = 1, path
    while os.path.lexists(free) or free.name == JOURNAL:
        number += 1
        free = path.with_name(f"{path.stem}~{number}{path.suffix}")
    return free


def _move(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # what may not be moved must not be copied either
                raise
            shutil.move(source, target)
    except OSError as error:
        raise OutputError(
            f"{source} cannot be moved to {target} ({error.strerror})", hint="check the disk and the rights of both"
        ) from error
