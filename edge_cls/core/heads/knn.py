"""k nearest neighbours with distance-weighted votes (Dudani, "The distance-weighted k-nearest-neighbor rule", 1976)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from edge_cls.core.heads import Vectors

Metric = Literal["cosine", "euclidean", "manhattan"]


class KNN:
    """A k-nearest-neighbour head.

    `metric`: cosine (1 - the cosine of the angle, in [0, 2]), euclidean or manhattan. Each of the `k` nearest examples
    votes with 1 / distance. The vectors lie in one array that doubles when it is full, so that adding an example
    copies nothing most of the time.
    """

    def __init__(self, k: int = 3, metric: Metric = "cosine") -> None:
        if k < 1:
            raise ValueError(f"k is {k}, and must be at least 1")
        self._k = k
        self._metric = metric
        self._vectors = np.empty((0, 0), np.float32)
        self._labels: list[str] = []

    @property
    def labels(self) -> Sequence[str]:
        """The label of each example."""
        return self._labels

    def add(self, vector: Vectors, label: str) -> None:
        """Learn one more example. Raises ValueError for a vector of another dimension than the first."""
        count = len(self._labels)
        if count == len(self._vectors):
            grown = np.empty((max(16, 2 * count), len(vector)), np.float32)
            if count:
                grown[:count] = self._vectors
            self._vectors = grown
        self._vectors[count] = self._prepare(vector)
        self._labels.append(label)

    def distances(self, vector: Vectors) -> Vectors:
        """Return the distance of `vector` to each example, float32 (n,)."""
        if not self._labels:
            return np.empty(0, np.float32)
        known = self._vectors[: len(self._labels)]
        query = self._prepare(vector)
        if self._metric == "cosine":
            return np.asarray(np.maximum(1.0 - known @ query, 0.0), np.float32)
        difference = known - query
        if self._metric == "euclidean":
            return np.asarray(np.sqrt(np.einsum("ij,ij->i", difference, difference)), np.float32)
        return np.asarray(np.abs(difference).sum(axis=1), np.float32)

    def predict(self, distances: Vectors) -> dict[str, float]:
        """Return each class's share of the votes. Ties go to the example that was added first."""
        nearest = np.argsort(distances, kind="stable")[: self._k]
        weights = 1.0 / (distances[nearest].astype(np.float64) + 1e-6)
        votes = dict.fromkeys(self._labels, 0.0)
        for index, weight in zip(nearest, weights / weights.sum() if len(nearest) else weights, strict=True):
            votes[self._labels[index]] += float(weight)
        return votes

    def _prepare(self, vector: Vectors) -> Vectors:
        if len(self._labels) and len(vector) != self._vectors.shape[1]:
            raise ValueError(f"a vector of dimension {len(vector)} among vectors of {self._vectors.shape[1]}")
        if self._metric != "cosine":
            return vector
        # A vector of zeros has no direction: it stays, at distance 1 from everything.
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
