"""Merging memories: in any order and any number of times, all end with the same examples.

The label and the deletion of an example are a last-writer-wins register (Shapiro et al., "A comprehensive study of
Convergent and Commutative Replicated Data Types", 2011). If two records of one example differ in the other fields,
which are never edited, both sides choose the same of the two values.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import SpaceMismatch
from edge_cls.memory.records import Merged, Record
from edge_cls.memory.writer import Writer

Embed = Callable[[bytes], QuantizedVector]
"""Returns the embedding of a crop."""


class Merge:
    """Merges records into the memory behind `connection`, inside the open transaction.

    `space`: the space of the vectors of this memory; None if there are no vectors yet, and the first one decides.
    `agree_on` sets the space of the memory and returns its number. `embed` makes the vector of an example that comes
    without one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        writer: Writer,
        *,
        space: str | None,
        agree_on: Callable[[str], int],
        embed: Embed | None,
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._agree_on = agree_on
        self._space, self._space_number = space, None if space is None else agree_on(space)
        self._embed = embed
        self._counts = {"added": 0, "changed": 0, "deleted": 0, "unchanged": 0}

    def take(self, records: Iterable[Record]) -> Merged:
        """Merge `records`. Raises SpaceMismatch if a vector is of another space and cannot be recomputed."""
        for record in records:
            self._counts[self._take(record)] += 1
            self._writer.saw(record.stamp)
        return Merged(**self._counts)

    def _take(self, record: Record) -> str:
        row = self._connection.execute(
            "SELECT example.number, label, taught_at, device, deleted_at, stamp, editor, crop, vector, scale,"
            " zero_point FROM example JOIN class ON class.number = class"
            " LEFT JOIN embedding ON embedding.example = example.number AND space = ? WHERE id = ?",
            (self._space_number, record.id),
        ).fetchone()
        if row is None:
            number = self._writer.insert(
                record.id,
                record.label,
                record.crop,
                taught_at=record.taught_at,
                device=record.device,
                deleted_at=record.deleted_at,
                stamp=record.stamp,
                editor=record.editor,
            )
            self._give_vector(number, record)
            return "added" if record.deleted_at is None else "deleted"
        number, label, taught_at, device, deleted_at, stamp, editor, crop, vector, scale, zero_point = row
        theirs = (record.stamp, record.editor, record.deleted_at or 0.0, record.label)
        wins = theirs > (stamp, editor, deleted_at or 0.0, label)
        dead = record.deleted_at is not None if wins else deleted_at is not None
        if wins:
            self._writer.decide(
                number,
                self._writer.class_number(record.label),
                record.deleted_at,
                stamp=record.stamp,
                editor=record.editor,
            )
        self._agree(number, record, taught_at, device)
        if not dead:  # the content of a deleted example may have been erased on either side and is ignored
            if record.crop and (crop is None or record.crop > crop):
                self._connection.execute(
                    "UPDATE example SET crop = ?, crop_crc = ? WHERE number = ?",
                    (record.crop, zlib.crc32(record.crop), number),
                )
            ours = None if vector is None else (vector, scale, zero_point)
            if ours is None or (self._of_our_space(record) and _key(record.embedding) > ours):
                self._give_vector(number, record)
        if not wins or (label, deleted_at is None) == (record.label, record.deleted_at is None):
            return "unchanged"
        return "changed" if record.deleted_at is None else "deleted"

    def _agree(self, number: int, record: Record, taught_at: float, device: str) -> None:
        agreed = min(taught_at, record.taught_at), min(device, record.device)
        if agreed != (taught_at, device):
            self._connection.execute("UPDATE example SET taught_at = ?, device = ? WHERE number = ?", (*agreed, number))

    def _of_our_space(self, record: Record) -> bool:
        return record.embedding is not None and record.space == self._space

    def _give_vector(self, number: int, record: Record) -> None:
        if self._space is None and record.space is not None:
            self._space, self._space_number = record.space, self._agree_on(record.space)
        vector = record.embedding
        if record.space != self._space:
            vector = self._embed(record.crop) if self._embed and record.crop else None
        if vector is not None and self._space_number is not None:
            self._writer.put_vector(number, self._space_number, vector)
            self._writer.touch(number)
        elif record.deleted_at is None:
            raise SpaceMismatch(
                f"example {record.id[:8]} ({record.label}) was taught with another backbone",
                hint="give the model to recompute its vector with (--model)",
            )


def _key(vector: QuantizedVector | None) -> tuple[bytes, float, int]:
    return (b"", 0.0, 0) if vector is None else (vector.values.tobytes(), vector.scale, vector.zero_point)
