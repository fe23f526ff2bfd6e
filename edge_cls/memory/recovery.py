"""A damaged memory: put aside as it is, and all that can still be read of it saved into a new file."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import shutil
import sqlite3
import tempfile
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_cls.memory import schema
from edge_cls.memory.database import Database
from edge_cls.memory.records import Recovery, vector_crc
from edge_cls.memory.upkeep import free_name, sync_folder

Row = tuple[Any, ...]
_COLUMNS = "id, class, taught_at, device, deleted_at, stamp, editor, seq, crop_crc"
_SIDE_FILES = ("-wal", "-shm")


def recover(path: Path, *, inode: int) -> Recovery | None:
    """Put the damaged file `path` aside and save what can be read of it into a new one of that name.

    None where `path` is no longer the file of that `inode`: another process has been here. Every example is saved whose
    row can be read and whose vector or crop is what was written; the history is not. Raises OSError where the disk has
    no room for the new file; then everything is as it was.
    """
    with _alone_in(path.parent), tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        if path.stat().st_ino != inode:
            return None
        # SQLite changes even a file that is only read, where a log lies beside it.
        copy, saved = Path(scratch) / "damaged.db", Path(scratch) / "saved.db"
        for suffix in ("", *_SIDE_FILES):
            if (source := path.with_name(path.name + suffix)).exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        target = Database(saved)
        with target.change() as connection:
            kept, lost, without_vector = _save(copy, connection)
        target.close()
        aside = free_name(path, "damaged")
        for suffix in ("", *_SIDE_FILES):
            if (source := path.with_name(path.name + suffix)).exists():
                os.link(source, aside.with_name(aside.name + suffix))
        for suffix in _SIDE_FILES:  # which would be taken for the new file's
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        saved.replace(path)
        sync_folder(path)
    return Recovery(aside, kept, lost, without_vector)


def is_ours(path: Path) -> bool:
    """Return whether the first page of a file that SQLite cannot open once was a memory's."""
    with path.open("rb") as file:
        head = file.read(schema.PAGE_SIZE)
    return schema.APPLICATION_ID.to_bytes(4) == head[68:72] or b"CREATE TABLE embedding" in head


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that find the same damage waiting."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _save(copy: Path, target: sqlite3.Connection) -> tuple[int, int | None, int]:
    """Write what can be read of `copy` to `target`; return how many examples were kept, are lost, and lack a vector."""
    with contextlib.closing(_open(copy)) as source:
        labels = {number: label for number, (label,) in _rows(source, "class", "number", "label")}
        spaces = {number: name for number, (name,) in _rows(source, "space", "number", "name")}
        vectors: dict[tuple[int, int], Row] = {}
        for _, (example, space, *vector, crc, values) in _rows(
            source, "embedding NOT INDEXED", "rowid", "example, space, scale, zero_point, crc, vector"
        ):
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                if vector_crc(values, *vector) == crc:
                    vectors[example, space] = (*vector, crc, values)
        found = Counter(space for _, space in vectors)
        current = found.most_common(1)[0][0] if found else None
        for space in found:
            target.execute("INSERT INTO space VALUES (?, ?)", (space, spaces.get(space, f"unknown {space}")))
        kept = without_vector = tombstones = 0
        last = stamp = 0
        for number, row in _rows(source, "example", "number", _COLUMNS):
            crop = _crop(source, number, row[-1])
            vector_row = None if current is None else vectors.get((number, current))
            deleted = row[4] is not None
            if not _sensible(row) or (crop is None and vector_row is None and not deleted):
                continue
            label = labels.get(row[1], f"recovered {row[1]}")
            target.execute("INSERT OR IGNORE INTO class VALUES (?, ?)", (row[1], label))
            target.execute(
                f"INSERT INTO example (number, {_COLUMNS}, crop) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, *row[:-1], None if crop is None else row[-1], crop),
            )
            if vector_row is not None:
                target.execute("INSERT INTO embedding VALUES (?, ?, ?, ?, ?, ?)", (number, current, *vector_row))
            kept, tombstones = kept + (not deleted), tombstones + deleted
            without_vector += not deleted and vector_row is None
            last, stamp = max(last, row[7]), max(stamp, row[5])
        target.execute("UPDATE state SET seq = ?, stamp = ?, space = ?", (last, stamp, current))
        highest = _highest(source, "example", "number")
    return kept, None if highest is None else highest - kept - tombstones, without_vector


def _open(copy: Path) -> sqlite3.Connection:
    """Open a damaged file; where its first page is broken, with that of a new memory, whose tables lie alike."""
    connection = sqlite3.connect(copy, isolation_level=None)
    try:
        connection.execute("SELECT * FROM example LIMIT 0")
    except sqlite3.DatabaseError:
        connection.close()
        fresh = copy.with_name("fresh.db")
        Database(fresh).close()
        pages = copy.stat().st_size // schema.PAGE_SIZE
        head = bytearray(fresh.read_bytes()[: schema.PAGE_SIZE])
        head[28:32] = pages.to_bytes(4)  # the size of the file
        head[32:40] = bytes(8)  # no free pages are known
        head[92:96] = head[24:28]  # for which the size counts
        with copy.open("r+b") as file:
            file.write(head)
        connection = sqlite3.connect(copy, isolation_level=None)
    return connection


def _highest(source: sqlite3.Connection, table: str, key: str) -> int | None:
    try:
        (highest,) = source.execute(f"SELECT max({key}) FROM {table}").fetchone()
    except sqlite3.DatabaseError:
        return None
    return int(highest or 0)


def _rows(source: sqlite3.Connection, table: str, key: str, columns: str) -> Iterator[tuple[int, Row]]:
    """Give each row that can be read, by its number; one after the other, since any may lie on a broken page."""
    highest = _highest(source, table, key)
    if highest is None:
        # No table of ours has more rows than the file has bytes for.
        highest = 4 * os.path.getsize(source.execute("PRAGMA database_list").fetchone()[2]) // schema.PAGE_SIZE  # noqa: PTH202
    for number in range(1, highest + 1):
        try:
            row = source.execute(f"SELECT {columns} FROM {table} WHERE {key} = ?", (number,)).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            yield number, row


def _crop(source: sqlite3.Connection, number: int, crc: object) -> bytes | None:
    try:
        (crop,) = source.execute("SELECT crop FROM example WHERE number = ?", (number,)).fetchone()
    except (sqlite3.DatabaseError, TypeError):
        return None
    return crop if isinstance(crop, bytes) and zlib.crc32(crop) == crc else None


def _sensible(row: Row) -> bool:
    """Return whether a row is one that we could have written."""
    identity, kind, taught_at, device, deleted_at, stamp, editor, seq, crc = row
    try:
        uuid.UUID(identity)
        numbers = math.isfinite(taught_at) and (deleted_at is None or math.isfinite(deleted_at))
    except (TypeError, ValueError, AttributeError):
        return False
    return (
        numbers
        and all(isinstance(value, int) for value in (kind, stamp, seq))
        and all(isinstance(value, str) for value in (device, editor))
        and (crc is None or isinstance(crc, int))
    )
