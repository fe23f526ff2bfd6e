"""Another memory's database, read without changing a byte of it."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

from edge_cls.errors import MemoryFileError
from edge_cls.memory.database import explain
from edge_cls.memory.records import Record
from edge_cls.memory.store import Memory


def read_memory(path: Path) -> Generator[Record]:
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
    # Where no log lies beside the file nobody is at work in it, and reading it leaves no log there either.
    mode = "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with (
        contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
