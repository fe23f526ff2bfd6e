"""The values that a memory stores and returns."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector


@dataclass(frozen=True, eq=False)
class Example:
    """A taught example with its photo, live or deleted. Memories exchange examples in this form.

    `taught_at` and `deleted_at` are in seconds since 1970; `deleted_at` is None if the example is live. `stamp`, in
    microseconds since 1970, and `editor`, a device, are the time and place of the last decision about its label or
    deletion: a merge takes the later one. `crop`, a JPEG, is empty and `embedding` None if they were erased or not
    exported. `space` identifies the backbone of the embedding.
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
    """The changes of a memory since the last call. `reload`: anything may have changed, read all examples again."""

    reload: bool = False
    upserted: tuple[LabeledEmbedding, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.reload or bool(self.upserted or self.removed)


@dataclass(frozen=True)
class Operation:
    """An operation in the undo history: its kind, its labels, its number of examples, and its time since 1970 in s."""

    kind: str
    labels: tuple[str, ...]
    count: int
    at: float

    def __str__(self) -> str:
        return f"{self.kind} {', '.join(self.labels)} (examples: {self.count})"


@dataclass(frozen=True)
class Merged:
    """The number of examples that a merge added, changed (relabelled or restored), deleted, and left unchanged."""

    added: int
    changed: int
    deleted: int
    unchanged: int


@dataclass(frozen=True)
class Recovery:
    """The result of repairing a damaged memory.

    `put_aside`: the new path of the damaged file. `kept`: the number of recovered examples; `without_vector` of these
    need 'memory reembed'. `lost`: the minimum number of lost examples. `unnamed`: generated labels of the classes whose
    labels were lost.
    """

    put_aside: Path
    kept: int
    lost: int
    without_vector: int
    unnamed: tuple[str, ...]

    def __str__(self) -> str:
        lost = f"at least {self.lost} lost" if self.lost else "no loss is known"
        again = ""
        if self.without_vector:
            again = f" ({self.without_vector} of them need 'edge-cls memory reembed --model MODEL')"
        text = f"the memory was damaged: {self.kept} examples were recovered{again}, {lost}"
        text += f"; the damaged file is {self.put_aside}"
        if self.unnamed:
            names = ", ".join(map(repr, self.unnamed))
            text += (
                f"; these classes have lost their labels: {names}: give them new ones with 'edge-cls memory relabel'"
            )
        return text


def vector_of(values: bytes, scale: float, zero_point: int) -> QuantizedVector:
    """Return the vector of a row."""
    return QuantizedVector(np.frombuffer(values, np.int8), scale, zero_point)


def vector_crc(values: bytes, scale: float, zero_point: int) -> int:
    """Return the checksum of a vector's row."""
    return zlib.crc32(values + struct.pack("<dq", scale, zero_point))
