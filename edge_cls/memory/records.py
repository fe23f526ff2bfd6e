"""What a memory holds and tells, as values."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_cls.core.quantization import QuantizedVector


@dataclass(frozen=True, eq=False)
class Entry:
    """What a person wants to know of an example. `taught_at` is in seconds since 1970."""

    id: str
    label: str
    taught_at: float
    device: str


@dataclass(frozen=True, eq=False)
class Example(Entry):
    """A taught example without its crop: what a head learns from."""

    embedding: QuantizedVector


@dataclass(frozen=True, eq=False)
class Record:
    """All that one memory tells another about an example, also about one that was deleted.

    `stamp`, in microseconds since 1970, and `editor` say when and where its label or its deletion was last decided:
    between two memories the later decision counts. `crop` is empty, and `embedding` None, where they were erased, or
    did not come along. `space` names the backbone of the embedding.
    """

    id: str
    label: str
    taught_at: float
    device: str
    deleted_at: float | None
    stamp: int
    editor: str
    crop: bytes
    space: str | None
    embedding: QuantizedVector | None


@dataclass(frozen=True, eq=False)
class Changes:
    """What happened in a memory since the last look. With `reload` everything may have: read all examples again."""

    reload: bool = False
    upserted: tuple[Example, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.reload or bool(self.upserted or self.removed)


@dataclass(frozen=True)
class Operation:
    """A change that can be undone: what was done, to which labels, to how many examples, and when."""

    kind: str
    labels: tuple[str, ...]
    count: int
    at: float

    def __str__(self) -> str:
        return f"{self.kind} {', '.join(self.labels)} (examples: {self.count})"


@dataclass(frozen=True)
class Merged:
    """How many examples a merge brought, relabelled or brought back, deleted, and left as they were."""

    added: int
    changed: int
    deleted: int
    unchanged: int


@dataclass(frozen=True)
class Recovery:
    """What became of a damaged memory: where it lies now, and how many examples were `kept` and, at least, `lost`.

    `without_vector` of those kept need 'memory reembed'. `unnamed` are the labels, made up, of classes whose names are
    lost.
    """

    put_aside: Path
    kept: int
    lost: int
    without_vector: int
    unnamed: tuple[str, ...]

    def __str__(self) -> str:
        lost = f"at least {self.lost} lost" if self.lost else "none is known to be lost"
        again = ""
        if self.without_vector:
            again = f" ({self.without_vector} of them need 'edge-cls memory reembed --model MODEL')"
        told = f"the memory was damaged: {self.kept} examples were recovered{again}, {lost}"
        told += f"; it lies in {self.put_aside}"
        if self.unnamed:
            names = ", ".join(map(repr, self.unnamed))
            told += f"; these classes lost their names: {names}: give them new ones with 'edge-cls memory relabel'"
        return told


def vector_of(values: bytes, scale: float, zero_point: int) -> QuantizedVector:
    """Return the vector that a row holds."""
    return QuantizedVector(np.frombuffer(values, np.int8), scale, zero_point)


def vector_crc(values: bytes, scale: float, zero_point: int) -> int:
    """Return the checksum of a vector's row."""
    return zlib.crc32(values + struct.pack("<dq", scale, zero_point))
