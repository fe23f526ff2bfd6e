"""Read a FlatBuffer without code generated from its schema; damaged and malicious ones are safe to read.

A schema names fields; a `Table` has slots instead. A slot is the number of a field in its table, counted from 0; a
union takes two slots, its type and its table. The format: https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from edge_cls.errors import ModelError

_BUDGET = 8 * 2**20
"""Bytes that may be read through one root."""
_TABLE_COST = 64
"""Bytes of that budget for opening a table."""


class Table:
    """A table of a FlatBuffer, at the byte `position` of `buffer`. Start with `Table.root(buffer)`.

    Every method raises ModelError if the bytes are not valid. Several offsets may point at the same part, so that a
    small buffer can pretend to hold any number of tables. Therefore one budget of bytes limits all reads of one root.
    """

    def __init__(self, buffer: bytes, position: int, budget: list[int]) -> None:
        self.buffer = buffer
        self.position = position
        self._budget = budget
        self._spend(_TABLE_COST)
        self._vtable = position - self._at("<i", position)
        self.slots: int = (self._at("<H", self._vtable) - 4) // 2
        """The number of slots in the schema of the program that wrote this table."""
        if self.slots < 0:
            raise _damaged()

    @classmethod
    def root(cls, buffer: bytes) -> Table:
        """Return the root table of `buffer`."""
        if len(buffer) < 8:
            raise _damaged()
        return cls(buffer, struct.unpack_from("<I", buffer)[0], [_BUDGET])

    def number(self, slot: int, kind: str, default: float = 0) -> Any:
        """Return the number in a slot; `kind` is its format character of `struct`, such as `b`, `I` or `f`."""
        place = self._place(slot)
        return default if place is None else self._at(f"<{kind}", place)

    def numbers(self, slot: int, kind: str, most: int | None = None) -> tuple[Any, ...]:
        """Return a vector of numbers, or the first `most` of them."""
        start, count = self._vector(slot, struct.calcsize(f"<{kind}"))
        count = count if most is None else min(count, most)
        self._spend(count * 8)
        return struct.unpack_from(f"<{count}{kind}", self.buffer, start)

    def data(self, slot: int) -> bytes:
        """Return a vector of bytes."""
        start, count = self._vector(slot, 1)
        self._spend(count)
        return self.buffer[start : start + count]

    def text(self, slot: int) -> str:
        """Return a string; bytes that are not UTF-8 are replaced."""
        return self.data(slot).decode(errors="replace")

    def count(self, slot: int) -> int:
        """Return the length of a vector of tables, or of numbers of at least four bytes."""
        return self._vector(slot, 4)[1]

    def table(self, slot: int) -> Table | None:
        """Return the table in a slot, None if there is none."""
        position = self.target(slot)
        return None if position is None else Table(self.buffer, position, self._budget)

    def tables(self, slot: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        for position in self.targets(slot):
            yield Table(self.buffer, position, self._budget)

    def target(self, slot: int) -> int | None:
        """Return the position of the table, vector or string that a slot points at; None if the slot is empty."""
        place = self._place(slot)
        return None if place is None else place + self._at("<I", place)

    def targets(self, slot: int) -> list[int]:
        """Return the positions of the tables of a vector."""
        start, count = self._vector(slot, 4)
        self._spend(count * 8)
        return [start + 4 * i + self._at("<I", start + 4 * i) for i in range(count)]

    def _place(self, slot: int) -> int | None:
        if slot >= self.slots:
            return None
        offset = self._at("<H", self._vtable + 4 + 2 * slot)
        return self.position + offset if offset else None

    def _vector(self, slot: int, width: int) -> tuple[int, int]:
        """Return the start and the number of the elements of a vector, all of them inside the buffer."""
        position = self.target(slot)
        if position is None:
            return 0, 0
        count = self._at("<I", position)
        if position + 4 + count * width > len(self.buffer):
            raise _damaged()
        return position + 4, count

    def _at(self, kind: str, position: int) -> Any:
        if not 0 <= position <= len(self.buffer) - struct.calcsize(kind):
            raise _damaged()
        return struct.unpack_from(kind, self.buffer, position)[0]

    def _spend(self, cost: int) -> None:
        self._budget[0] -= cost
        if self._budget[0] < 0:
            raise _damaged()


def _damaged() -> ModelError:
    return ModelError("a FlatBuffer is damaged", hint="copy the file again from where it was made")
