"""Heads: from the embeddings of a few examples to classes. A head has vectors; it is no interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Head(Protocol):
    """What every head does. Vectors are float32, of one dimension throughout; labels are strings."""

    @property
    def labels(self) -> Sequence[str]:
        """The label of each example, in the order in which they were added."""

    def add(self, vector: Vectors, label: str) -> None:
        """Learn one more example; `vector` has the shape (dim,)."""

    def distances(self, vector: Vectors) -> Vectors:
        """Return the distance of `vector`, shape (dim,), to each example: shape (n,), at least 0."""

    def predict(self, distances: Vectors) -> dict[str, float]:
        """Return each class's share of the votes, in [0, 1] and summing to 1, given the distances to the examples."""
