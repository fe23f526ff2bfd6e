"""The SQLite file of a memory: opened with care, changed in whole transactions, its errors explained."""

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
"""Seconds that another process may write until one that waits is told."""
_STORED = "what was taught before is safe"
_CANNOT_WRITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


Inode = tuple[int, int]
"""What tells a file from another one that has taken its name."""


class NoDatabase(MemoryFileError):
    """A file that SQLite does not take for a database."""


class DamagedFile(MemoryFileError):
    """A memory whose pages or rows are no longer what was written."""


class Database:
    """A connection to the file at `path`, which is made where it does not exist.

    A file that cannot be written, or whose disk cannot, is opened to be read. Root opens it as the owner of its folder.
    Raises MemoryFileError where the file is no memory of edge-cls or cannot be opened, NoDatabase and DamagedFile where
    it may once have been one.
    """

    def __init__(self, path: Path, *, patience_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._patience_s = patience_s
        with self.explained():
            self.connection = self._open()
        self.inode = inode_of(path)
        self._closed_by_failure = False

    def _open(self) -> sqlite3.Connection:
        # SQLite gives the logs that it makes later to the owner of the file by itself, and follows no links there.
        with as_owner_of(self.path.parent):
            return self._open_as_we_are()

    def _open_as_we_are(self) -> sqlite3.Connection:
        try:
            return self._prepared("rwc")
        except sqlite3.OperationalError as error:
            if primary_code(error) not in _CANNOT_WRITE or not os.path.isfile(self.path):  # noqa: PTH113 - which asks no rights
                raise
        try:
            return self._prepared("ro")
        except sqlite3.OperationalError as error:
            # WAL wants a file of its own beside ours. Without it nobody else can be writing; nothing may be pending.
            wal = self.path.with_name(self.path.name + "-wal")
            if primary_code(error) not in _CANNOT_WRITE or (wal.exists() and wal.stat().st_size):
                raise
        return self._prepared("ro&immutable=1")

    def _prepared(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=self._patience_s,
        )
        try:
            self._prepare(connection, writing=mode == "rwc")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, *, writing: bool) -> None:
        # A commit is on the disk before it is reported, and what is deleted is overwritten.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        tables = self._tables(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and application != schema.APPLICATION_ID:
            raise MemoryFileError(
                f"{self.path} is a database of another program", hint="give --memory a file of its own"
            )
        if version > schema.VERSION:
            raise MemoryFileError(
                f"{self.path} was written by a newer edge-cls (format {version}, this one reads {schema.VERSION})",
                hint="update edge-cls",
            )
        if not writing:
            if version < schema.VERSION:
                raise MemoryFileError(
                    f"{self.path} is of an older version and read-only, so that it cannot be brought up to date",
                    hint="copy it to a disk that can be written",
                )
            return
        if not tables:
            connection.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
        _prefer_wal(connection)
        if version < schema.VERSION:
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have done it by now.
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
        """Change the file wholly, once it is on the disk, or not at all."""
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
        """Begin to write into the file that lies at `path`, and goes on lying there: who replaces it has to lock it."""
        while True:
            self.follow_file()
            self.connection.execute("BEGIN IMMEDIATE")
            if inode_of(self.path) == self.inode:
                return
            self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read from the file as it is now, whatever others write meanwhile."""
        with self.explained():
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def follow_file(self) -> bool:
        """Open the file that lies at `path` now, where another one has taken its place. Returns whether it has."""
        if self.inode is None:
            return False
        inode = inode_of(self.path)
        if inode == self.inode and not self._closed_by_failure:
            return False
        if inode is None:
            raise MemoryFileError(f"{self.path} was taken away", hint="put it back, or start again")
        self.connection.close()
        # Also where it cannot be opened: it is this one that is damaged, or tried again later.
        self.inode, self._closed_by_failure = inode, True
        with self.explained():
            self.connection = self._open()
        self._closed_by_failure = False
        return True

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer than so for another process that is writing."""
        self._patience_s = seconds
        self.connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    def open_later(self, inode: Inode | None) -> None:
        """Let the next who follows the file open it again, which was `inode` when it was closed."""
        self.inode, self._closed_by_failure = inode, True

    def close(self) -> None:
        """Close the file. Closing twice is safe."""
        self.inode = None
        self.connection.close()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Raise SQLite's errors as what they mean to the person who taught."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self.path, error) from error


def inode_of(path: Path) -> Inode | None:
    """Return which file lies at `path`; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def give_rights_of(old: os.stat_result, path: Path) -> None:
    """Give the file at `path`, which replaces another one, the owner, group and mode of that, as far as we may."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        for owner in ((-1, old.st_gid), (old.st_uid, -1)):  # one's own group is given more easily than the owner
            with contextlib.suppress(OSError):
                os.fchown(descriptor, *owner)
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    finally:
        os.close(descriptor)


def _prefer_wal(connection: sqlite3.Connection) -> None:
    """Let reading never wait for teaching. The file remembers that, so that one success is enough."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # Another process has just made the file and is at work in it. SQLite does not wait here, as it does
        # elsewhere; the other has switched too, or the next to open the file will. Either mode is durable.
        if primary_code(error) != sqlite3.SQLITE_BUSY:
            raise


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's code without the details in its upper bits."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(path: Path, error: sqlite3.Error) -> MemoryFileError:
    """Return what SQLite's error means to the person who taught."""
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ:  # a page that was cut off
        return _damaged(path, error)
    match primary_code(error):
        case sqlite3.SQLITE_NOTADB:
            return NoDatabase(f"{path} is no memory of edge-cls", hint="give --memory another file")
        case sqlite3.SQLITE_CORRUPT:
            return DamagedFile(
                f"{path} is damaged ({error})", hint=f"run: edge-cls memory check --repair --memory {path}"
            )
        case sqlite3.SQLITE_FULL:
            return MemoryFileError(f"the disk is full, {path} took nothing", hint=f"free some space ({_STORED})")
        case sqlite3.SQLITE_CANTOPEN:
            return MemoryFileError(f"{path} cannot be opened", hint="check that its folder exists and its rights")
        case sqlite3.SQLITE_READONLY:
            return MemoryFileError(f"{path} is read-only", hint=f"check its rights and its disk ({_STORED})")
        case sqlite3.SQLITE_BUSY:
            return MemoryFileError(f"{path} is locked by another process", hint="stop that process and try again")
        case _:
            return MemoryFileError(f"{path} cannot be used ({error})", hint=f"check the disk ({_STORED})")


def _damaged(path: Path, error: sqlite3.Error) -> DamagedFile:
    return DamagedFile(f"{path} is damaged ({error})", hint=f"run: edge-cls memory check --repair --memory {path}")
