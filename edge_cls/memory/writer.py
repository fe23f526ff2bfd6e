"""Writes examples: every change of a row goes through here, gets a sequence number, and is recorded for undo."""

from __future__ import annotations

import sqlite3
import time
import zlib

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.spaces import current_space
from edge_cls.memory.records import vector_crc, vector_of

LABELED = (
    "FROM example JOIN class ON class.number = class"
    " LEFT JOIN embedding ON embedding.example = example.number AND embedding.space = (SELECT space FROM state)"
)
"""SQL for every example with its label, and with its vector in the memory's space if it has one."""
LIVE = f"SELECT example.number, id, label, taught_at, deleted_at, vector, scale, zero_point, embedding.crc {LABELED}"
"""SQL for the rows that `labeled_embedding_of` takes."""


def labeled_embedding_of(row: tuple[object, ...]) -> LabeledEmbedding | None:
    """Return the labeled embedding of a row of LIVE, or None if it is deleted or has no vector.

    Raises ValueError if the vector does not match its checksum.
    """
    _, identity, label, taught_at, deleted_at, vector, scale, zero_point, crc = row
    if deleted_at is not None or vector is None:
        return None
    if vector_crc(vector, scale, zero_point) != crc:  # type: ignore[arg-type]
        raise ValueError(f"the vector of example {identity} is corrupt (checksum mismatch)")
    embedding = vector_of(vector, scale, zero_point)  # type: ignore[arg-type]
    return LabeledEmbedding(identity, label, embedding, taught_at)  # type: ignore[arg-type]


class Writer:
    """One operation inside an open transaction. Its changes are undone together.

    `device` is the editor of the changes. `kind` names the operation in the undo history; None leaves it out of there.
    """

    def __init__(self, connection: sqlite3.Connection, device: str, *, kind: str | None) -> None:
        self._connection = connection
        self._device = device
        self.now = time.time()
        self.seq, last = connection.execute("SELECT seq, stamp FROM state").fetchone()
        self.stamp = max(int(self.now * 1_000_000), last + 1)
        self._operation: int | None = None
        if kind is not None:
            # A new operation discards the operations that were undone: they can no longer be redone.
            connection.execute("DELETE FROM operation WHERE undone = 1")
            self._operation = connection.execute(
                "INSERT INTO operation (kind, at) VALUES (?, ?)", (kind, self.now)
            ).lastrowid

    def class_number(self, label: str) -> int:
        """Return the number of the class `label`, which is created if it does not exist."""
        self._connection.execute("INSERT OR IGNORE INTO class (label, since) VALUES (?, ?)", (label, self.now))
        (number,) = self._connection.execute("SELECT number FROM class WHERE label = ?", (label,)).fetchone()
        return int(number)

    def space_number(self, space: str) -> int:
        """Return the number of an embedding space, which is created if it does not exist under any of its names."""
        for number, name in self._connection.execute("SELECT number, name FROM space"):
            if current_space(name) == space:
                return int(number)
        number = self._connection.execute("INSERT INTO space (name) VALUES (?)", (space,)).lastrowid
        assert number is not None  # noqa: S101 - an INSERT has one
        return int(number)

    def insert(
        self,
        identity: str,
        label: str,
        crop: bytes,
        *,
        taught_at: float,
        device: str,
        deleted_at: float | None = None,
        stamp: int | None = None,
        editor: str | None = None,
    ) -> int:
        """Add an example and return its number. `stamp` and `editor` default to now and this device."""
        self.seq += 1
        class_number = self.class_number(label)
        number = self._connection.execute(
            "INSERT INTO example (id, class, taught_at, device, deleted_at, stamp, editor, seq, crop_crc, crop)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                identity,
                class_number,
                taught_at,
                device,
                deleted_at,
                self.stamp if stamp is None else stamp,
                self._device if editor is None else editor,
                self.seq,
                zlib.crc32(crop) if crop else None,
                crop or None,
            ),
        ).lastrowid
        assert number is not None  # noqa: S101 - an INSERT has one
        self._note(number, None, None, class_number, deleted_at)
        return number

    def put_vector(self, example: int, space: int, vector: QuantizedVector) -> None:
        """Set the vector of an example in a space."""
        values = vector.values.tobytes()
        self._connection.execute(
            "INSERT OR REPLACE INTO embedding (example, space, scale, zero_point, crc, vector)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                example,
                space,
                vector.scale,
                vector.zero_point,
                vector_crc(values, vector.scale, vector.zero_point),
                values,
            ),
        )

    def decide(
        self,
        example: int,
        class_number: int,
        deleted_at: float | None,
        *,
        stamp: int | None = None,
        editor: str | None = None,
    ) -> None:
        """Set the class number and the deletion of an example. `stamp` and `editor` default to now and this device."""
        old_class, old_deleted_at = self._connection.execute(
            "SELECT class, deleted_at FROM example WHERE number = ?", (example,)
        ).fetchone()
        self.seq += 1
        self._connection.execute(
            "UPDATE example SET class = ?, deleted_at = ?, stamp = ?, editor = ?, seq = ? WHERE number = ?",
            (
                class_number,
                deleted_at,
                self.stamp if stamp is None else stamp,
                self._device if editor is None else editor,
                self.seq,
                example,
            ),
        )
        self._note(example, old_class, old_deleted_at, class_number, deleted_at)

    def touch(self, example: int) -> None:
        """Report another change of an example to the readers that follow this memory."""
        self.seq += 1
        self._connection.execute("UPDATE example SET seq = ? WHERE number = ?", (self.seq, example))

    def saw(self, stamp: int) -> None:
        """Make all later decisions of this memory later than `stamp`, which came from another memory."""
        self.stamp = max(self.stamp, stamp)

    def finish(self) -> None:
        """Store the last sequence number and stamp, and drop the operation if it changed nothing."""
        self._connection.execute("UPDATE state SET seq = ?, stamp = ?", (self.seq, self.stamp))
        if self._operation is not None:
            self._connection.execute(
                "DELETE FROM operation WHERE number = ? "
                "AND NOT EXISTS (SELECT * FROM change WHERE change.operation = operation.number)",
                (self._operation,),
            )

    def _note(
        self, example: int, old_class: int | None, old_deleted: float | None, class_number: int, deleted: float | None
    ) -> None:
        if self._operation is not None:
            self._connection.execute(
                "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)",
                (self._operation, example, old_class, old_deleted, class_number, deleted),
            )
