"""The tables of a memory, and the migration from older versions."""

from __future__ import annotations

import socket
import sqlite3
import uuid
import zlib

from edge_cls.memory.records import vector_crc

APPLICATION_ID = 0x65636C73  # "ecls", in the header of the file: identifies databases of edge-cls
VERSION = 2
PAGE_SIZE = 1024
"""Of 1, 2, 4 and 8 KiB that which wastes least beside crops of 5 to 17 KB: see tools/benchmarks/memory.py."""
PAGE_SIZES = (PAGE_SIZE, 4096)
"""Page sizes that a memory may have: version 1 used SQLite's default of 4096."""

# `stamp` orders decisions across devices: a time in microseconds, but later than every decision already seen (Kulkarni
# et al., "Logical Physical Clocks", 2014). `seq` orders the changes of this file for the processes that follow it. The
# crop is the last column, so that reading the others does not read it.
_TABLES = """
CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation TEXT NOT NULL,
    seq INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    space INTEGER REFERENCES space
) STRICT;
CREATE TABLE space (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE class (number INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE, since REAL NOT NULL) STRICT;
CREATE TABLE example (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    class INTEGER NOT NULL REFERENCES class,
    taught_at REAL NOT NULL,
    device TEXT NOT NULL,
    deleted_at REAL,
    stamp INTEGER NOT NULL,
    editor TEXT NOT NULL,
    seq INTEGER NOT NULL,
    crop_crc INTEGER,
    crop BLOB
) STRICT;
CREATE INDEX example_seq ON example (seq);
CREATE INDEX example_class ON example (class);
CREATE TABLE embedding (
    example INTEGER NOT NULL REFERENCES example,
    space INTEGER NOT NULL REFERENCES space,
    scale REAL NOT NULL,
    zero_point INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (example, space)
) STRICT;
CREATE TABLE operation (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, undone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX operation_undone ON operation (undone);
CREATE TABLE change (
    operation INTEGER NOT NULL REFERENCES operation ON DELETE CASCADE,
    example INTEGER NOT NULL REFERENCES example,
    old_class INTEGER REFERENCES class,
    old_deleted_at REAL,
    new_class INTEGER NOT NULL REFERENCES class,
    new_deleted_at REAL
) STRICT;
CREATE INDEX change_operation ON change (operation);
CREATE INDEX change_example ON change (example);
"""


def create(connection: sqlite3.Connection) -> None:
    """Create the tables, inside the open transaction."""
    for statement in _TABLES.split(";\n")[:-1]:
        connection.execute(statement)
    connection.execute("INSERT INTO state VALUES (1, ?, 0, 0, NULL)", (str(uuid.uuid4()),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Migrate the tables of an older version to this one, inside the open transaction."""
    if version < 2:
        _from_1(connection)


def _from_1(connection: sqlite3.Connection) -> None:
    """Migrate version 1, which had one table of examples with labels and vectors, and no deletions."""
    connection.execute("ALTER TABLE example RENAME TO example_1")
    create(connection)
    connection.execute("INSERT INTO space (name) SELECT space FROM example_1 GROUP BY space ORDER BY max(rowid)")
    connection.execute(
        "INSERT INTO class (label, since) SELECT label, min(taught_at) FROM example_1"
        " GROUP BY label ORDER BY min(rowid)"
    )
    connection.create_function("crc", 1, zlib.crc32, deterministic=True)
    connection.create_function("vector_crc", 3, vector_crc, deterministic=True)
    connection.execute(
        "INSERT INTO example SELECT old.rowid, old.id, class.number, old.taught_at, ?, NULL,"
        " CAST(old.taught_at * 1000000 AS INTEGER), ?, old.rowid, crc(old.crop), old.crop"
        " FROM example_1 AS old JOIN class USING (label)",
        (socket.gethostname(), socket.gethostname()),
    )
    connection.execute(
        "INSERT INTO embedding SELECT old.rowid, space.number, old.scale, old.zero_point,"
        " vector_crc(old.embedding, old.scale, old.zero_point), old.embedding"
        " FROM example_1 AS old JOIN space ON space.name = old.space"
    )
    connection.execute(
        "UPDATE state SET space = (SELECT max(number) FROM space), seq = (SELECT coalesce(max(seq), 0) FROM example),"
        " stamp = (SELECT coalesce(max(stamp), 0) FROM example)"
    )
    connection.execute("DROP TABLE example_1")
