"""Looking after a memory: checking it, copying it, taking a copy back, and erasing what was deleted."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from edge_cls.errors import MemoryFileError
from edge_cls.files import as_owner_of, other_owner
from edge_cls.memory import schema
from edge_cls.memory.database import DamagedFile, Database, explain, give_rights_of
from edge_cls.memory.records import vector_crc


def check(database: Database) -> list[str]:
    """Return what is wrong with the file, a sentence each; nothing where it is sound."""
    try:
        return _problems(database)
    except DamagedFile as error:
        return [error.message]


def _problems(database: Database) -> list[str]:
    with database.snapshot() as connection:
        problems = [str(problem) for (problem,) in connection.execute("PRAGMA integrity_check") if problem != "ok"]
        if problems:
            return problems  # what follows would only stumble over the same
        problems += [
            f"a row of {table} points to no row of {parent}"
            for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check")
        ]
        for identity, crop, crc in connection.execute("SELECT id, crop, crop_crc FROM example WHERE crop IS NOT NULL"):
            if zlib.crc32(crop) != crc:
                problems.append(f"the crop of example {identity} has changed by itself")
        for identity, vector, scale, zero_point, crc in connection.execute(
            "SELECT id, vector, scale, zero_point, crc FROM embedding JOIN example ON number = embedding.example"
        ):
            if vector_crc(vector, scale, zero_point) != crc:
                problems.append(f"the vector of example {identity} has changed by itself")
        for (identity,) in connection.execute(
            "SELECT id FROM example WHERE deleted_at IS NULL AND NOT EXISTS (SELECT * FROM embedding"
            " WHERE embedding.example = number AND space = (SELECT space FROM state))"
        ):
            problems.append(f"example {identity} has no vector: run 'edge-cls memory reembed --model MODEL'")
    return problems


def backup(database: Database, path: Path) -> None:
    """Write a copy, whole or not at all, while others read and write. Raises MemoryFileError where `path` exists."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _explained(path), as_owner_of(path.parent):
        try:
            part.unlink(missing_ok=True)  # of a process that was killed
            part.touch(exist_ok=False)
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as target:
                database.connection.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one file, that can be carried away
            with part.open("rb") as file:
                os.fsync(file.fileno())
            try:
                os.link(part, path)  # which, unlike a rename, never replaces a file
            except FileExistsError:
                raise MemoryFileError(f"{path} exists", hint="give a new file") from None
            sync_folder(path)
        finally:
            part.unlink(missing_ok=True)


def copy_untouched(path: Path, target: Path) -> None:
    """Copy the database at `path` to a new file, without changing a byte of it. Raises MemoryFileError.

    What is to be looked into is copied first: opening brings an older version up to date, and mends what is damaged.
    """
    # Where no log lies beside the file nobody is at work in it, and reading it leaves no log there either.
    mode = "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with (
        _explained(path),
        contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise explain(path, error) from error
    except MemoryFileError:
        raise
    except OSError as error:
        what = "is read-only" if error.errno == errno.EROFS else f"cannot be written ({error.strerror})"
        raise MemoryFileError(f"{path.parent} {what}", hint="check the disk, and the rights of the folder") from error


def sync_folder(path: Path) -> None:
    """Let what was named, or named anew, in the folder of `path` be so after a power cut."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def free_name(path: Path, what: str) -> Path:
    """Return a name beside `path` that tells what is kept there and since when, and that no file has."""
    name = f"{path.name}.{what}-{datetime.now():%Y%m%d-%H%M%S}"
    candidates = (path.with_name(name if n == 0 else f"{name}-{n}") for n in range(1000))
    return next(candidate for candidate in candidates if not candidate.exists())


def vacuum(database: Database) -> int:
    """Erase the crops and vectors of what was deleted, and the history with them; return how many examples that were.

    That an example was deleted stays known, so that no merge brings it back.
    """
    with database.change() as connection:
        connection.execute("DELETE FROM operation")
        connection.execute(
            "DELETE FROM embedding WHERE space IS NOT (SELECT space FROM state)"
            " OR example IN (SELECT number FROM example WHERE deleted_at IS NOT NULL)"
        )
        connection.execute("DELETE FROM space WHERE number IS NOT (SELECT space FROM state)")
        erased = connection.execute(
            "UPDATE example SET crop = NULL, crop_crc = NULL WHERE deleted_at IS NOT NULL AND crop IS NOT NULL"
        ).rowcount
    with database.explained():
        database.connection.execute("VACUUM")
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return erased


def restore(database: Database, path: Path) -> Path:
    """Replace what the file holds by the copy at `path`; return where what it held until now is kept."""
    if not path.is_file():
        raise MemoryFileError(f"{path} does not exist", hint="give a file of 'edge-cls memory backup'")
    database.follow_file()
    folder = database.path.parent
    # It may be that root alone can read the copy, and in a folder of others root must not write.
    scratches = "/var/tmp" if other_owner(folder) else folder  # noqa: S108 - mkdtemp is safe
    with (
        _explained(database.path),
        tempfile.TemporaryDirectory(dir=scratches, prefix=f".{database.path.name}.") as scratch,
    ):
        copied = Path(scratch) / "copy.db"
        copy_untouched(path, copied)
        with contextlib.closing(sqlite3.connect(copied, isolation_level=None)) as target:
            if target.execute("PRAGMA application_id").fetchone() != (schema.APPLICATION_ID,):
                raise MemoryFileError(
                    f"{path} is no memory of edge-cls", hint="give a file of 'edge-cls memory backup'"
                )
            # One file can only take over another's pages where these are as large.
            (size,) = database.connection.execute("PRAGMA page_size").fetchone()
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute(f"PRAGMA page_size = {size}")
            target.execute("VACUUM")
        copy = Database(copied)
        try:
            if problems := check(copy):
                raise MemoryFileError(f"{path} is damaged ({problems[0]})", hint="give another copy")
            # For those who follow the file it is another one from now on.
            with copy.change() as connection:
                connection.execute("UPDATE state SET generation = ?", (str(uuid.uuid4()),))
            kept = free_name(database.path, "before-restore")
            backup(database, kept)
            with as_owner_of(folder):
                give_rights_of(database.path.stat(), kept)
            with database.explained():
                copy.connection.backup(database.connection)
        finally:
            copy.close()
    return kept
