"""Undo and redo: operations are undone from the last to the first, and redone in the opposite order."""

from __future__ import annotations

import sqlite3

from edge_cls.memory.records import Operation
from edge_cls.memory.writer import Writer


def undo(connection: sqlite3.Connection, device: str) -> Operation | None:
    """Undo the last operation that is not undone, inside the open transaction. None if there is none."""
    (number,) = connection.execute("SELECT max(number) FROM operation WHERE undone = 0").fetchone()
    if number is None:
        return None
    operation, writer = _operation(connection, number), Writer(connection, device, kind=None)
    for example, old, deleted_at, new in connection.execute(
        "SELECT example, old_class, old_deleted_at, new_class FROM change WHERE operation = ?", (number,)
    ).fetchall():
        if old is None:  # the operation added this example
            writer.decide(example, new, writer.now)
        else:
            writer.decide(example, old, deleted_at)
    connection.execute("UPDATE operation SET undone = 1 WHERE number = ?", (number,))
    writer.finish()
    return operation


def redo(connection: sqlite3.Connection, device: str) -> Operation | None:
    """Redo the operation that was undone last, inside the open transaction. None if there is none."""
    (number,) = connection.execute("SELECT min(number) FROM operation WHERE undone = 1").fetchone()
    if number is None:
        return None
    operation, writer = _operation(connection, number), Writer(connection, device, kind=None)
    for example, new, deleted_at in connection.execute(
        "SELECT example, new_class, new_deleted_at FROM change WHERE operation = ?", (number,)
    ).fetchall():
        writer.decide(example, new, deleted_at)
    connection.execute("UPDATE operation SET undone = 0 WHERE number = ?", (number,))
    writer.finish()
    return operation


def _operation(connection: sqlite3.Connection, number: int) -> Operation:
    kind, at = connection.execute("SELECT kind, at FROM operation WHERE number = ?", (number,)).fetchone()
    labels = connection.execute(
        "SELECT label, count(*) FROM change JOIN class ON class.number = coalesce(old_class, new_class)"
        " WHERE operation = ? GROUP BY label ORDER BY min(change.rowid)",
        (number,),
    ).fetchall()
    return Operation(kind, tuple(label for label, _ in labels), sum(count for _, count in labels), at)
