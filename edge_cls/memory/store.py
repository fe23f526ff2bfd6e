"""The taught examples in one SQLite file. What `add` has returned from survives a power cut."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import MemoryFileError

APPLICATION_ID = 0x65636C73  # "ecls", in the header of the file: tells our databases from other programs'
VERSION = 1

_TABLE = """
CREATE TABLE IF NOT EXISTS example (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    space TEXT NOT NULL,
    embedding BLOB NOT NULL,
    scale REAL NOT NULL,
    zero_point INTEGER NOT NULL,
    crop BLOB NOT NULL,
    taught_at REAL NOT NULL
) STRICT
"""


@dataclass(frozen=True, eq=False)
class Example:
    """One taught example.

    `space` names the backbone that made the `embedding`; `crop` is what the model saw, as a JPEG, from which another
    backbone's embedding can be made; `taught_at` is in seconds since 1970.
    """

    label: str
    space: str
    embedding: QuantizedVector
    crop: bytes
    taught_at: float


class Memory:
    """The examples in the SQLite file at `path`, which is made where it does not exist.

    Raises MemoryFileError where the file is no memory of edge-cls, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            with self._explained():
                self._open()
        except MemoryFileError:
            self._connection.close()
            raise

    def _open(self) -> None:
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if tables and application != APPLICATION_ID:
            raise MemoryFileError(
                f"{self.path} is a database of another program", mend="give --memory a file of its own"
            )
        if version > VERSION:
            raise MemoryFileError(
                f"{self.path} was written by a newer edge-cls (format {version}, this one reads {VERSION})",
                mend="update edge-cls",
            )
        # A commit is on the disk before it is reported.
        self._connection.execute("PRAGMA synchronous = FULL")
        self._prefer_wal()
        if not tables:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(_TABLE)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")

    def _prefer_wal(self) -> None:
        """Let reading never wait for teaching. The file remembers that, so that one success is enough."""
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Another process has just made the file and is at work in it. SQLite does not wait here, as it does
            # elsewhere; the other has switched too, or the next to open the file will. Either mode is durable.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise

    def add(self, example: Example) -> str:
        """Store `example` and return its UUID, once it is on the disk. What was stored before is never touched."""
        identity = str(uuid.uuid4())
        vector = example.embedding
        row = (
            identity,
            example.label,
            example.space,
            vector.values.tobytes(),
            vector.scale,
            vector.zero_point,
            example.crop,
            example.taught_at,
        )
        with self._explained():
            self._connection.execute("INSERT INTO example VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return identity

    def examples(self) -> list[Example]:
        """Return all examples, in the order in which they were taught."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT label, space, embedding, scale, zero_point, crop, taught_at FROM example ORDER BY rowid"
            ).fetchall()
        return [
            Example(label, space, QuantizedVector(np.frombuffer(values, np.int8), scale, zero_point), crop, taught_at)
            for label, space, values, scale, zero_point, crop, taught_at in rows
        ]

    def close(self) -> None:
        """Close the file. Closing twice is safe."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(self.path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> MemoryFileError:
    """Return what SQLite's error means to the person who taught."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    stored = "what was taught before is safe"
    match code:
        case sqlite3.SQLITE_NOTADB:
            return MemoryFileError(f"{path} is no memory of edge-cls", mend="give --memory another file")
        case sqlite3.SQLITE_FULL:
            return MemoryFileError(f"the disk is full, {path} took no example", mend=f"free some space ({stored})")
        case sqlite3.SQLITE_CANTOPEN:
            return MemoryFileError(f"{path} cannot be opened", mend="check that its folder exists and its rights")
        case sqlite3.SQLITE_READONLY:
            return MemoryFileError(f"{path} is read-only", mend=f"check its rights and its disk ({stored})")
        case sqlite3.SQLITE_BUSY:
            return MemoryFileError(f"{path} is locked by another process", mend="stop that process and try again")
        case sqlite3.SQLITE_CORRUPT:
            return MemoryFileError(f"{path} is damaged ({error})", mend="restore it from a copy")
        case _:
            return MemoryFileError(f"{path} cannot be used ({error})", mend=f"check the disk ({stored})")
