"""Many vectors, ready to be compared with one: the memory of a device as it lies in RAM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector

Vector = NDArray[np.float32]
"""float32 (dim,)"""
BLOCK = 1024


class Vectors:
    """Vectors of one dimension as int8, each with its own scale and zero point, in blocks that never move.

    Adding one costs the same however many there are; a block takes memory as it fills.
    """

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.int8]] = []
        self._scales = np.empty(0, np.float32)
        self._zeros = np.empty(0, np.float32)
        self._norms = np.empty(0, np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def norms(self) -> Vector:
        """The Euclidean length of each vector, float32 (n,)."""
        return self._norms[: self._count]

    def append(self, vector: QuantizedVector) -> None:
        """Add one. Raises ValueError for a vector of another dimension than the first."""
        if self._blocks and len(vector.values) != self._blocks[0].shape[1]:
            raise ValueError(f"a vector of dimension {len(vector.values)} among vectors of {self._blocks[0].shape[1]}")
        if self._count == BLOCK * len(self._blocks):
            self._blocks.append(np.empty((BLOCK, len(vector.values)), np.int8))
        if self._count == len(self._scales):
            room = max(BLOCK, self._count // 8)
            self._scales, self._zeros, self._norms = (
                np.append(array, np.empty(room, np.float32)) for array in (self._scales, self._zeros, self._norms)
            )
        self._count += 1
        self._put(self._count - 1, vector)

    def remove(self, index: int) -> None:
        """Forget the vector at `index`: the last one takes its place."""
        last = self._count - 1
        self._blocks[index // BLOCK][index % BLOCK] = self._blocks[last // BLOCK][last % BLOCK]
        for array in (self._scales, self._zeros, self._norms):
            array[index] = array[last]
        self._count = last

    def __getitem__(self, index: int) -> Vector:
        values = self._blocks[index // BLOCK][index % BLOCK]
        return np.asarray((values - self._zeros[index]) * self._scales[index], np.float32)

    def rows(self) -> NDArray[np.float32]:
        """Return a copy of all vectors, float32 (n, dim)."""
        return np.stack([self[index] for index in range(self._count)])

    def dots(self, query: Vector) -> Vector:
        """Return the dot product of each vector with `query`, float32 (dim,): float32 (n,)."""
        products = np.empty(self._count, np.float32)
        for start in range(0, self._count, BLOCK):
            part = products[start : start + BLOCK]
            np.dot(self._blocks[start // BLOCK][: len(part)].astype(np.float32), query, out=part)
        products -= self._zeros[: self._count] * query.sum()
        products *= self._scales[: self._count]
        return products

    def cosines(self, query: Vector) -> Vector:
        """Return the cosine of the angle of each vector with `query`, float32 (n,); 0 where one has no direction."""
        lengths = self.norms * np.float32(np.linalg.norm(query))
        cosines = np.zeros(self._count, np.float32)
        np.divide(self.dots(query), lengths, out=cosines, where=lengths > 0)
        return cosines

    def _put(self, index: int, vector: QuantizedVector) -> None:
        self._blocks[index // BLOCK][index % BLOCK] = vector.values
        self._scales[index], self._zeros[index] = vector.scale, vector.zero_point
        self._norms[index] = np.linalg.norm(vector.dequantize())
