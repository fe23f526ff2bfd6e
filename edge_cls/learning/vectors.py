"""Many int8 vectors that are compared with one query: the taught examples in RAM."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector

Vector = NDArray[np.float32]
"""float32 (dim,)"""
Rows = NDArray[np.int8]
"""int8 (n, dim)"""
Metric = Literal["cosine", "euclidean", "manhattan"]
BLOCK = 1024
"""Rows that are allocated at a time. A block of usual embeddings is 1 to 2 MiB."""
CHUNK = 256
"""Rows that are converted to float32 at a time, few enough to stay in the processor's cache."""
_CLOSE = 0.01
"""Squared distances below this share of the squared lengths are computed again, without cancellation."""


class Vectors:
    """Vectors of one dimension, each with its own scale and zero point, in blocks that never move.

    The time to append does not depend on the number of vectors, and a block uses memory only as it fills. Searches
    convert the rows to float32 in a buffer that is kept, therefore an object serves one thread at a time.
    """

    def __init__(self) -> None:
        self._blocks: list[Rows] = []
        self._buffer = np.empty((0, 0), np.float32)
        # Columns: vectors. Rows: scale, zero point, length, and scale / length (0 for a zero vector).
        self._facts = np.empty((4, 0), np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def dim(self) -> int:
        """The dimension of the vectors; 0 if there are none."""
        return self._blocks[0].shape[1] if self._blocks else 0

    @property
    def norms(self) -> Vector:
        """The Euclidean length of each vector, float32 (n,)."""
        return self._facts[2, : self._count]

    def append(self, vector: QuantizedVector) -> None:
        """Add a vector. Raises ValueError if it has another dimension than the first."""
        dim = len(vector.values)
        self._check(dim)
        if self._count == BLOCK * len(self._blocks):
            self._blocks.append(np.empty((BLOCK, dim), np.int8))
        if self._count == self._facts.shape[1]:
            room = np.empty((4, max(BLOCK, self._count // 16)), np.float32)
            self._facts = np.concatenate((self._facts, room), axis=1)
        self._blocks[-1][self._count % BLOCK] = vector.values
        length = np.linalg.norm(vector.dequantize())
        ratio = vector.scale / length if length else 0
        self._facts[:, self._count] = vector.scale, vector.zero_point, length, ratio
        self._count += 1

    def remove(self, index: int) -> None:
        """Remove the vector at `index`: the last one takes its place."""
        last = self._count - 1
        self._blocks[index // BLOCK][index % BLOCK] = self._blocks[last // BLOCK][last % BLOCK]
        self._facts[:, index] = self._facts[:, last]
        self._count = last
        if last == BLOCK * (len(self._blocks) - 1):
            self._blocks.pop()

    def take(self, indices: NDArray[np.intp]) -> Vectors:
        """Return a copy of the vectors at `indices`, in that order."""
        taken = Vectors()
        taken._facts, taken._count = self._facts[:, indices], len(indices)
        for start in range(0, len(indices), BLOCK):
            wanted, block = indices[start : start + BLOCK], np.empty_like(self._blocks[0])
            for number, rows in enumerate(self._blocks):
                here = np.flatnonzero(wanted // BLOCK == number)
                block[here] = rows[wanted[here] % BLOCK]
            taken._blocks.append(block)
        return taken

    def __getitem__(self, index: int) -> Vector:
        scale, zero = self._facts[:2, index]
        return np.asarray((self._blocks[index // BLOCK][index % BLOCK] - zero) * scale, np.float32)

    def quantized(self, index: int) -> QuantizedVector:
        """Return the vector at `index` as it was added."""
        values = self._blocks[index // BLOCK][index % BLOCK]
        return QuantizedVector(values.copy(), float(self._facts[0, index]), int(self._facts[1, index]))

    def rows(self) -> NDArray[np.float32]:
        """Return a copy of all vectors, float32 (n, dim)."""
        parts = [floats.copy() for floats in self._real()]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def dots(self, query: Vector) -> Vector:
        """Return the dot product of each vector with `query`, float32 (dim,): float32 (n,)."""
        products = self._products(query)
        products *= self._facts[0, : self._count]
        return products

    def cosines(self, query: Vector) -> Vector:
        """Return the cosine of the angle of each vector with `query`, float32 (n,); 0 if one of the two is zero."""
        products = self._products(query)
        products *= self._facts[3, : self._count]
        length = math.sqrt(np.dot(query, query))
        products *= np.float32(1 / length if length else 0)
        return products

    def distances(self, query: Vector, metric: Metric) -> Vector:
        """Return the distance of each vector to `query`, float32 (n,), at least 0; cosine: 1 - cosine."""
        self._check(len(query))
        if metric == "cosine":
            return np.maximum(1 - self.cosines(query), 0)
        if metric == "manhattan":
            parts = [np.abs(np.subtract(floats, query, out=floats), out=floats).sum(axis=1) for floats in self._real()]
            return np.concatenate(parts) if parts else np.empty(0, np.float32)
        own = np.dot(query, query)
        both = self.norms**2 + own
        squares = both - 2 * self.dots(query)
        # For almost equal vectors this is a difference of large numbers, mostly rounding error.
        for index in np.flatnonzero(squares < _CLOSE * both).tolist():
            difference = self[index] - query
            squares[index] = np.dot(difference, difference)
        return np.asarray(np.sqrt(squares), np.float32)

    def nearest(self, query: Vector, count: int) -> tuple[NDArray[np.intp], Vector]:
        """Return the indices and cosines of the `count` vectors with the highest cosines to `query`, best first."""
        cosines = self.cosines(query)
        best = cosines.argpartition(-count)[-count:] if count < self._count else np.arange(self._count)
        best = best[cosines[best].argsort()[::-1]]
        return best, cosines[best]

    def _products(self, query: Vector) -> Vector:
        """Return the dot product of `query` with each vector, not yet multiplied with the vector's scale."""
        self._check(len(query))
        products = np.empty(self._count, np.float32)
        for start, rows in self._filled():
            np.dot(self._floats(rows), query, out=products[start : start + len(rows)])
        products -= self._facts[1, : self._count] * query.sum()
        return products

    def _real(self) -> Iterator[NDArray[np.float32]]:
        """Yield all vectors, at most CHUNK at a time, float32 (some, dim), in a buffer that is reused each time."""
        for start, rows in self._filled():
            scales, zeros = self._facts[:2, start : start + len(rows), None]
            floats = self._floats(rows)
            floats -= zeros
            floats *= scales
            yield floats

    def _filled(self) -> Iterator[tuple[int, Rows]]:
        """Yield all rows as they are stored, at most CHUNK (a divisor of BLOCK) at a time, with the first index."""
        for start in range(0, self._count, CHUNK):
            top = start % BLOCK
            yield start, self._blocks[start // BLOCK][top : top + min(CHUNK, self._count - start)]

    def _floats(self, rows: Rows) -> NDArray[np.float32]:
        if self._buffer.shape[1] != rows.shape[1]:
            self._buffer = np.empty((CHUNK, rows.shape[1]), np.float32)
        floats = self._buffer[: len(rows)]
        np.copyto(floats, rows)
        return floats

    def _check(self, dim: int) -> None:
        if self._count and dim != self._blocks[0].shape[1]:
            raise ValueError(f"the vector has dimension {dim}, but the others have {self._blocks[0].shape[1]}")
