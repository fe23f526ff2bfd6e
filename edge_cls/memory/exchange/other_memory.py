"""Another memory's database, read without changing a byte of it."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from edge_cls.errors import MemoryFileError
from edge_cls.memory.database import explain
from edge_cls.memory.records import Record
from edge_cls.memory.store import Memory


def read_memory(path: Path) -> Iterator[Record]:
    """Give the records of the memory at `path`. Raises MemoryFileError where it is none, or damaged."""
    # A copy is read: opening brings an older version up to date, and mends what is damaged.
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "memory.db"
        try:
            _copy(path, copied)
        except sqlite3.Error as error:
            raise explain(path, error) from error
        with Memory(copied) as memory:
            faults = [str(memory.recovered)] if memory.recovered else memory.check()
            if faults:
                raise MemoryFileError(
                    f"{path} is damaged ({faults[0]})", mend=f"see 'edge-cls memory check --memory {path}'"
                )
            yield from memory.records()


def _copy(path: Path, target: Path) -> None:
    try:
        _copy_as(path, target, "ro")
    except sqlite3.OperationalError as error:
        # On a disk that cannot be written there is no place for the file that readers of a WAL share.
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        _copy_as(path, target, "ro&immutable=1")


def _copy_as(path: Path, target: Path, mode: str) -> None:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with (
        contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
