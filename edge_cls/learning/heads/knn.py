"""k nearest neighbours with distance-weighted votes (Dudani, "The distance-weighted k-nearest-neighbor rule", 1976)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.examples import Examples, Query
from edge_cls.learning.heads.head import Scores
from edge_cls.learning.vectors import Metric, Vector

_MIN_DISTANCE = 1e-4
"""Cosine distance added to every distance: limits the vote of an identical example, which would outvote all others."""
_MIN_SHARE = 1e-3
"""Share of the votes added to every class, so that a class without votes keeps a finite score: the absence of votes
among a few neighbours is weak evidence."""


class KNN:
    """Each of the `k` nearest examples votes with 1 / distance for its class.

    Scores are the logarithms of the classes' shares of the votes. The lower index wins a tie. Raises ValueError if `k`
    is below 1.
    """

    def __init__(self, examples: Examples, k: int = 3, metric: Metric = "cosine") -> None:
        if k < 1:
            raise ValueError(f"k is {k}, but must be at least 1")
        self._examples = examples
        self._k = k
        self.metric = metric

    def fit(self) -> None:
        """Do nothing: the head reads the examples."""

    def add(self) -> None:
        """Do nothing: the head reads the examples."""

    def remove(self, index: int) -> None:
        """Do nothing: the head reads the examples."""

    def predict(self, query: Query) -> Scores:
        """Return the score of each class, float64 (classes,)."""
        return _scores(self.votes(query))

    def leave_one_out(self) -> Scores:
        """Return the leave-one-out scores, float64 (n, classes). See `Head.leave_one_out`."""
        votes, left = self.votes_left_out()
        scores = _scores(votes)
        scores[~left] = -np.inf
        return scores

    def votes(self, query: Query) -> NDArray[np.float64]:
        """Return each class's share of the votes, float64 (classes,), summing to 1."""
        if self.metric == "cosine":
            distances = np.maximum(1 - query.cosines, 0)
        else:
            distances = self._examples.vectors.distances(query.vector, self.metric)
        return self._count(distances)

    def votes_left_out(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the votes without each example and its near duplicates, and whether the classes have examples left.

        Float64 and bool (n, classes). The votes are 0 if no example is left.
        """
        examples = self._examples
        targets, counts, every = examples.targets, examples.counts, np.arange(len(examples))
        group_of = np.empty(len(examples), np.intp)
        for number, group in enumerate(examples.groups()):
            group_of[group] = number
        left = np.tile(counts > 0, (len(examples), 1))
        left[every, targets] = counts[targets] > np.bincount(group_of)[group_of]
        distances = np.where(group_of[:, None] == group_of, np.float32(np.inf), examples.distances(self.metric))
        near = np.argsort(distances, axis=1, kind="stable")[:, : self._k]
        weights = 1 / (np.take_along_axis(distances, near, axis=1).astype(np.float64) + _MIN_DISTANCE)
        votes = np.zeros(left.shape)
        np.add.at(votes, (every[:, None], targets[near]), weights)
        return votes / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300), left

    def _count(self, distances: Vector) -> NDArray[np.float64]:
        if self._k < len(distances):
            # Sort only the nearest, and stably: the lower index wins a tie.
            limit = np.partition(distances, self._k - 1)[self._k - 1]
            near = np.flatnonzero(distances <= limit)
        else:
            near = np.arange(len(distances))
        near = near[np.argsort(distances[near], kind="stable")[: self._k]]
        weights = 1 / (distances[near].astype(np.float64) + _MIN_DISTANCE)
        votes = np.bincount(self._examples.targets[near], weights, minlength=len(self._examples.classes))
        return votes / (weights.sum() if len(near) else 1.0)


def _scores(votes: NDArray[np.float64]) -> Scores:
    return np.log(votes + _MIN_SHARE)
