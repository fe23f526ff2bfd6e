"""Reads rows from the leaf pages of a damaged SQLite file, without its schema or interior pages.

The layout is that of https://www.sqlite.org/fileformat2.html: each leaf page of a table has the offsets of its rows, a
row begins with its length and the types of its columns, and a long row continues in a chain of overflow pages.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

Value = None | int | float | str | bytes
_LEAF = 0x0D
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS: dict[int, Value] = {0: None, 8: 0, 9: 1}


def table_rows(path: Path, page_sizes: Sequence[int]) -> Iterator[tuple[int, list[Value]]]:
    """Yield the number and the columns of every row of every table, in the order of the pages.

    If the overflow chain of a row is broken, its last column is too short. The page size is that of the header if it is
    valid, else the first of `page_sizes` that yields rows.
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        stored = int.from_bytes(data[16:18])
        sizes = [stored] if data[:6] == b"SQLite" and stored in page_sizes else page_sizes
        for size in sizes:
            rows = _Pages(data, size).rows()
            for row in rows:
                yield row
                yield from rows
                return


class _Pages:
    def __init__(self, data: mmap.mmap, size: int) -> None:
        self._data = data
        self._size = size
        self._count = len(data) // size

    def rows(self) -> Iterator[tuple[int, list[Value]]]:
        for page in range(self._count):
            start = page * self._size
            head = start + 100 if page == 0 else start  # the first page begins with the header of the file
            if self._data[head] != _LEAF:
                continue
            (cells,) = struct.unpack_from(">H", self._data, head + 3)
            for cell in range(min(cells, self._size // 4)):
                try:
                    (offset,) = struct.unpack_from(">H", self._data, head + 8 + 2 * cell)
                    yield self._row(start + offset)
                except (IndexError, ValueError, OverflowError, struct.error):
                    continue  # not a valid row

    def _row(self, at: int) -> tuple[int, list[Value]]:
        length, at = _varint(self._data, at)
        number, at = _varint(self._data, at)
        return number, _columns(self._payload(at, length))

    def _payload(self, at: int, length: int) -> bytes:
        largest, smallest = self._size - 35, (self._size - 12) * 32 // 255 - 23
        local = length
        if length > largest:
            local = smallest + (length - smallest) % (self._size - 4)
            local = local if local <= largest else smallest
        parts, missing = [self._data[at : at + local]], length - local
        (page,) = struct.unpack_from(">I", self._data, at + local) if missing else (0,)
        while missing > 0 and 0 < page <= self._count:
            start = (page - 1) * self._size
            (page,) = struct.unpack_from(">I", self._data, start)
            parts.append(self._data[start + 4 : start + 4 + min(missing, self._size - 4)])
            missing -= len(parts[-1])
        return b"".join(parts)


def _columns(payload: bytes) -> list[Value]:
    head, at = _varint(payload, 0)
    types, at_value = [], head
    while at < head:
        kind, at = _varint(payload, at)
        types.append(kind)
    values: list[Value] = []
    for kind in types:
        value, at_value = _value(payload, at_value, kind)
        values.append(value)
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind == 7:
        return float(struct.unpack_from(">d", payload, at)[0]), at + 8
    if kind in _INTEGER_BYTES:
        end = at + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[at:end], signed=True), end
    if kind < 12:
        raise ValueError(f"there is no column type {kind}")
    end = at + (kind - 12) // 2
    return (payload[at:end].decode() if kind % 2 else payload[at:end]), end


def _varint(data: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9
