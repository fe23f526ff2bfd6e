"""Maintenance of a memory: check, backup, restore, and erasing deleted examples."""

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
    """Return the problems of the file, one sentence each; an empty list if there are none."""
    try:
        return _problems(database)
    except DamagedFile as error:
        return [error.message]


def _problems(database: Database) -> list[str]:
    with database.snapshot() as connection:
        problems = [str(problem) for (problem,) in connection.execute("PRAGMA integrity_check") if problem != "ok"]
        if problems:
            return problems  # the other checks would only fail on the same pages
        problems += [
            f"a row of {table} refers to a missing row of {parent}"
            for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check")
        ]
        for identity, crop, crc in connection.execute("SELECT id, crop, crop_crc FROM example WHERE crop IS NOT NULL"):
            if zlib.crc32(crop) != crc:
                problems.append(f"the crop of example {identity} is corrupt (checksum mismatch)")
        for identity, vector, scale, zero_point, crc in connection.execute(
            "SELECT id, vector, scale, zero_point, crc FROM embedding JOIN example ON number = embedding.example"
        ):
            if vector_crc(vector, scale, zero_point) != crc:
                problems.append(f"the vector of example {identity} is corrupt (checksum mismatch)")
        for (identity,) in connection.execute(
            "SELECT id FROM example WHERE deleted_at IS NULL AND NOT EXISTS (SELECT * FROM embedding"
            " WHERE embedding.example = number AND space = (SELECT space FROM state))"
        ):
            problems.append(f"example {identity} has no vector: run 'edge-cls memory reembed --model MODEL'")
    return problems


def backup(database: Database, path: Path) -> None:
    """Write a copy, completely or not at all, while others read and write. Raises MemoryFileError if `path` exists."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _explained(path), as_owner_of(path.parent):
        try:
            part.unlink(missing_ok=True)  # left by a killed process
            part.touch(exist_ok=False)
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as target:
                database.connection.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # a single file, without a log beside it
            with part.open("rb") as file:
                os.fsync(file.fileno())
            try:
                os.link(part, path)  # unlike a rename, never replaces a file
            except FileExistsError:
                raise MemoryFileError(f"{path} exists", hint="choose a new file") from None
            sync_folder(path)
        finally:
            part.unlink(missing_ok=True)


def copy_untouched(path: Path, target: Path) -> None:
    """Copy the database at `path` to a new file without changing a byte of it.

    Files of others are copied before they are opened, because opening migrates an older format and repairs damage.
    Raises MemoryFileError if it cannot be copied.
    """
    # If there is no log beside the file, no process has it open, and reading it as immutable creates no log either.
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
        problem = "is read-only" if error.errno == errno.EROFS else f"cannot be written ({error.strerror})"
        hint = "check the disk and the permissions of the folder"
        raise MemoryFileError(f"{path.parent} {problem}", hint=hint) from error


def sync_folder(path: Path) -> None:
    """Make new and renamed files in the folder of `path` survive a power cut."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def free_name(path: Path, reason: str) -> Path:
    """Return an unused path beside `path`: its name with the reason for the copy and the time."""
    name = f"{path.name}.{reason}-{datetime.now():%Y%m%d-%H%M%S}"
    candidates = (path.with_name(name if n == 0 else f"{name}-{n}") for n in range(1000))
    return next(candidate for candidate in candidates if not candidate.exists())


def vacuum(database: Database) -> int:
    """Erase the crops and vectors of deleted examples and the undo history, and return the number of these examples.

    The fact of the deletion is kept, so that no merge restores the examples.
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
    """Replace the content of the file by the backup at `path`, and return the path of a copy of the old content.

    Raises MemoryFileError, and changes nothing, if the backup is missing, damaged or not a memory.
    """
    if not path.is_file():
        raise MemoryFileError(f"{path} does not exist", hint="use a file written by 'edge-cls memory backup'")
    database.follow_file()
    folder = database.path.parent
    # Perhaps only root can read the backup, and root must not write into a folder of another user.
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
                    f"{path} is not a memory of edge-cls", hint="use a file written by 'edge-cls memory backup'"
                )
            # SQLite can only copy pages between files with the same page size.
            (size,) = database.connection.execute("PRAGMA page_size").fetchone()
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute(f"PRAGMA page_size = {size}")
            target.execute("VACUUM")
        copy = Database(copied)
        try:
            if problems := check(copy):
                raise MemoryFileError(f"{path} is damaged ({problems[0]})", hint="use another backup")
            # A new generation makes the processes that follow the file reload it.
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
