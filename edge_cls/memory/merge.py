"""Merging memories: in any order and any number of times, all end with the same examples.

The label and the deletion of an example are a last-writer-wins register (Shapiro et al., "A comprehensive study of
Convergent and Commutative Replicated Data Types", 2011). If two copies of an example differ in the other fields,
which are never edited, both sides choose the same of the two values.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import SpaceMismatch
from edge_cls.memory.records import Example, Merged
from edge_cls.memory.writer import Writer

Embed = Callable[[bytes], QuantizedVector]
"""Returns the embedding of a crop."""


class Merge:
    """Merges examples into the memory behind `connection`, inside the open transaction.

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

    def take(self, examples: Iterable[Example]) -> Merged:
        """Merge `examples`. Raises SpaceMismatch if a vector is of another space and cannot be recomputed."""
        for example in examples:
            self._counts[self._take(example)] += 1
            self._writer.saw(example.stamp)
        return Merged(**self._counts)

    def _take(self, example: Example) -> str:
        row = self._connection.execute(
            "SELECT example.number, label, taught_at, device, deleted_at, stamp, editor, crop, vector, scale,"
            " zero_point FROM example JOIN class ON class.number = class"
            " LEFT JOIN embedding ON embedding.example = example.number AND space = ? WHERE id = ?",
            (self._space_number, example.id),
        ).fetchone()
        if row is None:
            number = self._writer.insert(
                example.id,
                example.label,
                example.crop,
                taught_at=example.taught_at,
                device=example.device,
                deleted_at=example.deleted_at,
                stamp=example.stamp,
                editor=example.editor,
            )
            self._give_vector(number, example)
            return "added" if example.deleted_at is None else "deleted"
        number, label, taught_at, device, deleted_at, stamp, editor, crop, vector, scale, zero_point = row
        theirs = (example.stamp, example.editor, example.deleted_at or 0.0, example.label)
        wins = theirs > (stamp, editor, deleted_at or 0.0, label)
        dead = example.deleted_at is not None if wins else deleted_at is not None
        if wins:
            self._writer.decide(
                number,
                self._writer.class_number(example.label),
                example.deleted_at,
                stamp=example.stamp,
                editor=example.editor,
            )
        self._agree(number, example, taught_at, device)
        if not dead:  # the content of a deleted example may have been erased on either side and is ignored
            if example.crop and (crop is None or example.crop > crop):
                self._connection.execute(
                    "UPDATE example SET crop = ?, crop_crc = ? WHERE number = ?",
                    (example.crop, zlib.crc32(example.crop), number),
                )
            ours = None if vector is None else (vector, scale, zero_point)
            if ours is None or (self._of_our_space(example) and _key(example.embedding) > ours):
                self._give_vector(number, example)
        if not wins or (label, deleted_at is None) == (example.label, example.deleted_at is None):
            return "unchanged"
        return "changed" if example.deleted_at is None else "deleted"

    def _agree(self, number: int, example: Example, taught_at: float, device: str) -> None:
        agreed = min(taught_at, example.taught_at), min(device, example.device)
        if agreed != (taught_at, device):
            self._connection.execute("UPDATE example SET taught_at = ?, device = ? WHERE number = ?", (*agreed, number))

    def _of_our_space(self, example: Example) -> bool:
        return example.embedding is not None and example.space == self._space

    def _give_vector(self, number: int, example: Example) -> None:
        if self._space is None and example.space is not None:
            self._space, self._space_number = example.space, self._agree_on(example.space)
        vector = example.embedding
        if example.space != self._space:
            vector = self._embed(example.crop) if self._embed and example.crop else None
        if vector is not None and self._space_number is not None:
            self._writer.put_vector(number, self._space_number, vector)
            self._writer.touch(number)
        elif example.deleted_at is None:
            raise SpaceMismatch(
                f"example {example.id[:8]} ({example.label}) was taught with another backbone",
                hint="give the model to recompute its vector with (--model)",
            )


def _key(vector: QuantizedVector | None) -> tuple[bytes, float, int]:
    return (b"", 0.0, 0) if vector is None else (vector.values.tobytes(), vector.scale, vector.zero_point)
