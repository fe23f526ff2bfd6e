"""The SQLite file of a memory: opening, transactions, and SQLite's errors as errors of edge-cls."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from edge_cls.errors import MemoryFileError
from edge_cls.files import as_owner_of
from edge_cls.memory import schema

BUSY_TIMEOUT_S = 10.0
"""SQLite busy timeout in seconds: how long a change waits for another process that is writing."""
_STORED = "everything taught before is safe"
_CANNOT_WRITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


Inode = tuple[int, int]
"""Device and inode number: identifies a file, even if another one has replaced it under the same name."""


class NoDatabase(MemoryFileError):
    """The file is not an SQLite database."""


class DamagedFile(MemoryFileError):
    """The pages or rows of a memory are corrupt."""


class Database:
    """A connection to the file at `path`, which is created if it does not exist.

    If the file or its disk is not writable, it is opened read-only. Root opens it as the owner of its folder. Raises
    NoDatabase or DamagedFile if the file may be a damaged memory, and MemoryFileError if it is another program's
    database or cannot be opened.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        with self.explained():
            self.connection = self._open()
        self.inode = inode_of(path)
        self._closed_by_failure = False

    def _open(self) -> sqlite3.Connection:
        # SQLite itself gives the logs that it creates later to the owner of the file, and follows no links there.
        with as_owner_of(self.path.parent):
            return self._open_as_we_are()

    def _open_as_we_are(self) -> sqlite3.Connection:
        try:
            return self._prepared("rwc")
        except sqlite3.OperationalError as error:
            if primary_code(error) not in _CANNOT_WRITE or not os.path.isfile(self.path):  # noqa: PTH113 - it raises no PermissionError
                raise
        try:
            return self._prepared("ro")
        except sqlite3.OperationalError as error:
            # WAL needs a second file beside this one. If it cannot be created, no other process can be writing either,
            # and the file can be read as immutable, unless a log with pending changes exists.
            wal = self.path.with_name(self.path.name + "-wal")
            if primary_code(error) not in _CANNOT_WRITE or (wal.exists() and wal.stat().st_size):
                raise
        return self._prepared("ro&immutable=1")

    def _prepared(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=self._busy_timeout_s,
        )
        try:
            self._prepare(connection, writing=mode == "rwc")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, *, writing: bool) -> None:
        # A commit is on the disk before it is reported, and deleted data is overwritten.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        tables = self._tables(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and application != schema.APPLICATION_ID:
            raise MemoryFileError(
                f"{self.path} is a database of another program", hint="choose another file for --memory"
            )
        if version > schema.VERSION:
            raise MemoryFileError(
                f"{self.path} was written by a newer edge-cls (format {version}, this one reads {schema.VERSION})",
                hint="update edge-cls",
            )
        if not writing:
            if version < schema.VERSION:
                raise MemoryFileError(
                    f"{self.path} has an older format, but is read-only and cannot be migrated",
                    hint="copy it to a writable disk",
                )
            return
        if not tables:
            connection.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
        _prefer_wal(connection)
        if version < schema.VERSION:
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have migrated it in the meantime.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if not self._tables(connection):
                schema.create(connection)
            elif version < schema.VERSION:
                schema.migrate(connection, version)
            connection.execute("COMMIT")

    @staticmethod
    def _tables(connection: sqlite3.Connection) -> int:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return int(tables)

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction: it is on the disk when the block ends, or rolled back if the block raises."""
        with self.explained():
            self._begin()
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def _begin(self) -> None:
        """Begin a write transaction in the file at `path`. Replacing the file takes the same lock."""
        while True:
            self.follow_file()
            self.connection.execute("BEGIN IMMEDIATE")
            if inode_of(self.path) == self.inode:
                return
            self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read from a snapshot of the file, unaffected by writes of others."""
        with self.explained():
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def follow_file(self) -> bool:
        """Open the file at `path` again if another one has replaced it, and return whether it was opened again.

        Raises MemoryFileError if there is no file any more.
        """
        if self.inode is None:
            return False
        inode = inode_of(self.path)
        if inode == self.inode and not self._closed_by_failure:
            return False
        if inode is None:
            raise MemoryFileError(f"{self.path} was removed", hint="restore the file, or restart the program")
        self.connection.close()
        # Set before opening: if that fails, the error is about this file, and opening is retried later.
        self.inode, self._closed_by_failure = inode, True
        with self.explained():
            self.connection = self._open()
        self._closed_by_failure = False
        return True

    def wait_at_most(self, seconds: float) -> None:
        """Set the busy timeout in seconds."""
        self._busy_timeout_s = seconds
        self.connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    def open_later(self, inode: Inode | None) -> None:
        """Make the next `follow_file` open the file again. `inode` was that of the closed file."""
        self.inode, self._closed_by_failure = inode, True

    def close(self) -> None:
        """Close the file. Closing twice is safe."""
        self.inode = None
        self.connection.close()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Raise SQLite's errors as MemoryFileError with a hint."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self.path, error) from error


def inode_of(path: Path) -> Inode | None:
    """Return the device and inode number of the file at `path`, or None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def give_rights_of(old: os.stat_result, path: Path) -> None:
    """Set owner, group and mode of the file at `path` to those of the file that it replaces, as far as permitted."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        # The group first and alone: setting it needs fewer rights than setting the owner.
        for owner in ((-1, old.st_gid), (old.st_uid, -1)):
            with contextlib.suppress(OSError):
                os.fchown(descriptor, *owner)
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    finally:
        os.close(descriptor)


def _prefer_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, so that readers never wait for a writer. The mode is stored in the file: one success is enough."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # Another process has just created the file and is writing. SQLite ignores the busy timeout here. Either the
        # other process has switched already, or the next one to open the file will. Both modes are durable.
        if primary_code(error) != sqlite3.SQLITE_BUSY:
            raise


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, without the extended code in the upper bits."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(path: Path, error: sqlite3.Error) -> MemoryFileError:
    """Return the MemoryFileError for an error of SQLite."""
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ:  # a page that was cut off
        return _damaged(path, error)
    match primary_code(error):
        case sqlite3.SQLITE_NOTADB:
            return NoDatabase(f"{path} is not a memory of edge-cls", hint="choose another file for --memory")
        case sqlite3.SQLITE_CORRUPT:
            return DamagedFile(
                f"{path} is damaged ({error})", hint=f"run: edge-cls memory check --repair --memory {path}"
            )
        case sqlite3.SQLITE_FULL:
            return MemoryFileError(f"disk full: nothing was written to {path}", hint=f"free some space ({_STORED})")
        case sqlite3.SQLITE_CANTOPEN:
            return MemoryFileError(f"{path} cannot be opened", hint="check that its folder exists, and its permissions")
        case sqlite3.SQLITE_READONLY:
            return MemoryFileError(f"{path} is read-only", hint=f"check its permissions and its disk ({_STORED})")
        case sqlite3.SQLITE_BUSY:
            return MemoryFileError(f"{path} is locked by another process", hint="stop that process and try again")
        case _:
            return MemoryFileError(f"{path} cannot be used ({error})", hint=f"check the disk ({_STORED})")


def _damaged(path: Path, error: sqlite3.Error) -> DamagedFile:
    return DamagedFile(f"{path} is damaged ({error})", hint=f"run: edge-cls memory check --repair --memory {path}")
