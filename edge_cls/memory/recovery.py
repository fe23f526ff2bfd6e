"""A damaged memory: put aside as it is, and all that can still be read of it saved into a new file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from edge_cls.files import as_owner_of
from edge_cls.memory import schema
from edge_cls.memory.database import Database, Inode, give_rights_of, inode_of
from edge_cls.memory.maintenance import free_name, sync_folder
from edge_cls.memory.records import Recovery, vector_crc
from edge_cls.memory.salvage import Value, table_rows

_SIDE_FILES = ("-wal", "-shm")


def recover(path: Path, *, inode: Inode | None) -> Recovery | None:
    """Put the damaged file `path` aside and save what can be read of it into a new one of that name.

    None where `path` is no longer the file of that `inode`: another process has been here. Every example is saved whose
    row can be read and whose vector or crop is what was written; the history is not. The new file belongs to whom the
    old one does, also where root mends it for a service. Raises OSError where the disk has no room for the new file;
    then everything is as it was.
    """
    with (
        as_owner_of(path.parent),
        _alone_with(path),
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch,
    ):
        if inode_of(path) != inode:
            return None
        copy, saved = Path(scratch) / "damaged.db", Path(scratch) / "saved.db"
        log = path.with_name(path.name + "-wal")
        _check_room(path, log)
        shutil.copyfile(path, copy)
        if log.exists():
            shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
            # What was committed lately may lie in the log alone. In a copy, because this changes the file.
            with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(copy)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        target = Database(saved)
        with target.change() as connection:
            kept, lost, without_vector, unnamed = _save(copy, connection)
        target.close()
        give_rights_of(path.stat(), saved)
        aside = free_name(path, "damaged")
        for suffix in ("", *_SIDE_FILES):
            if (source := path.with_name(path.name + suffix)).exists():
                os.link(source, aside.with_name(aside.name + suffix))
        for suffix in _SIDE_FILES:  # which would be taken for the new file's
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        saved.replace(path)
        sync_folder(path)
    return Recovery(aside, kept, lost, without_vector, unnamed)


def _check_room(*damaged: Path) -> None:
    """Raise OSError where the disk has no room for copies: who tries again for months must not wear out the card."""
    size = sum(path.stat().st_size for path in damaged if path.exists())
    if shutil.disk_usage(damaged[0].parent).free < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_ours(path: Path) -> bool:
    """Return whether a file that SQLite does not take for a database once was a memory: its header, or any vector."""
    with path.open("rb") as file:
        if file.read(72)[68:] == schema.APPLICATION_ID.to_bytes(4):
            return True
    return any(map(_is_vector, (row for _, row in table_rows(path, schema.PAGE_SIZES))))


@contextlib.contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Keep other processes waiting: who finds the same damage, and who writes into the damaged file meanwhile."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            with contextlib.suppress(sqlite3.DatabaseError):  # what is damaged much nobody can write into
                connection.execute("BEGIN IMMEDIATE")
            yield
    finally:
        os.close(descriptor)


def _save(damaged: Path, target: sqlite3.Connection) -> tuple[int, int, int, tuple[str, ...]]:
    """Write what can be read to `target`.

    Returns how many live examples were kept, how many were lost, how many lack a vector, and the labels made up.
    """
    examples: dict[int, list[Value]] = {}
    labels: dict[Value, str] = {}
    spaces: dict[Value, str] = {}
    vectors: dict[tuple[Value, Value], list[Value]] = {}
    for number, row in table_rows(damaged, schema.PAGE_SIZES):
        match row:
            case [None, str(), int(), float() | int(), str(), float() | int() | None, int(), str(), int(), _, _]:
                examples[number] = row
            case [example, space, *_] if _is_vector(row):
                vectors[example, space] = row
            case [None, str() as label, float() | int()]:
                labels[number] = label
            case [None, str() as name]:
                spaces[number] = name
    found = Counter(space for _, space in vectors)
    current = found.most_common(1)[0][0] if found else None
    for space in found:
        target.execute("INSERT INTO space VALUES (?, ?)", (space, spaces.get(space, f"unknown {space!r}")))
    kept = without_vector = 0
    unnamed: set[str] = set()
    for number, row in sorted(examples.items()):
        *known, crc, crop = row[1:]
        crop = crop if isinstance(crop, bytes) and zlib.crc32(crop) == crc else None
        vector = vectors.get((number, current))
        deleted = row[5] is not None
        if crop is None and vector is None and not deleted:
            continue
        label = labels.get(row[2], f"recovered {row[2]!r}")
        if row[2] not in labels and not deleted:
            unnamed.add(label)
        target.execute("INSERT OR IGNORE INTO class VALUES (?, ?, ?)", (row[2], label, row[3]))
        target.execute(
            "INSERT OR IGNORE INTO example VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *known, None if crop is None else crc, crop),
        )
        if vector is not None:
            target.execute("INSERT INTO embedding VALUES (?, ?, ?, ?, ?, ?)", vector)
        kept += not deleted
        without_vector += not deleted and vector is None
    target.execute(
        "UPDATE state SET space = ?, seq = (SELECT coalesce(max(seq), 0) FROM example),"
        " stamp = (SELECT coalesce(max(stamp), 0) FROM example)",
        (current,),
    )
    (saved,) = target.execute("SELECT count(*) FROM example").fetchone()
    highest = max([0, *examples, *(example for example, _ in vectors if isinstance(example, int))])
    return kept, highest - saved, without_vector, tuple(sorted(unnamed))


def _is_vector(row: list[Value]) -> bool:
    """Return whether a row is one of vectors, as it was written."""
    match row:
        case [int(), int(), float() | int() as scale, int() as zero_point, int() as crc, bytes() as values]:
            return vector_crc(values, scale, zero_point) == crc
    return False
