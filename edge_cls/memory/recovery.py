"""Recovers a damaged memory: sets the file aside and saves everything that can still be read into a new one."""

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

from edge_cls.core.spaces import is_altered
from edge_cls.files import as_owner_of
from edge_cls.memory import schema
from edge_cls.memory.database import Database, Inode, give_rights_of, inode_of
from edge_cls.memory.maintenance import free_name, sync_folder
from edge_cls.memory.records import Recovery, vector_crc
from edge_cls.memory.salvage import Value, table_rows

_SIDE_FILES = ("-wal", "-shm")


def recover(path: Path, *, inode: Inode | None) -> Recovery | None:
    """Set the damaged file `path` aside and save everything that can be read into a new file of that name.

    Returns None if `path` is no longer the file `inode`: another process has recovered it. An example is saved if its
    row can be read and its vector or crop matches the checksum; the undo history is not saved. The new file has the
    owner of the old one, also if root repairs it for a service. Raises OSError, and changes nothing, if the disk has
    too little space.
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
            # The latest commits may be only in the log. Applied to a copy, because this changes the file.
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
        for suffix in _SIDE_FILES:  # SQLite would apply them to the new file
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        saved.replace(path)
        sync_folder(path)
    return Recovery(aside, kept, lost, without_vector, unnamed)


def _check_room(*damaged: Path) -> None:
    """Raise OSError if there is no space for the copies, before any write: retries must not wear out an SD card."""
    size = sum(path.stat().st_size for path in damaged if path.exists())
    if shutil.disk_usage(damaged[0].parent).free < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_ours(path: Path) -> bool:
    """Return whether a file that SQLite rejects was a memory: by its header or by any valid row of a vector."""
    with path.open("rb") as file:
        if file.read(72)[68:] == schema.APPLICATION_ID.to_bytes(4):
            return True
    return any(map(_is_vector, (row for _, row in table_rows(path, schema.PAGE_SIZES))))


@contextlib.contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Lock out other processes, both those that find the same damage and those that write into the damaged file."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            with contextlib.suppress(sqlite3.DatabaseError):  # a badly damaged file cannot be written by others either
                connection.execute("BEGIN IMMEDIATE")
            yield
    finally:
        os.close(descriptor)


def _save(damaged: Path, target: sqlite3.Connection) -> tuple[int, int, int, tuple[str, ...]]:
    """Write all readable rows to `target`.

    Returns the numbers of live examples that were kept, lost, and without a vector, and the generated labels.
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
    ranked = [space for space, _ in found.most_common() if not is_altered(spaces.get(space, ""))]
    current = ranked[0] if ranked else None
    for space in ranked:
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
    """Return whether a row has the columns of a vector and matches its checksum."""
    match row:
        case [int(), int(), float() | int() as scale, int() as zero_point, int() as crc, bytes() as values]:
            return vector_crc(values, scale, zero_point) == crc
    return False
