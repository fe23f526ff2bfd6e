"""Nearest class mean, with the mean of all class means subtracted.

Mensink et al., "Distance-based image classification: generalizing to new classes at near-zero cost", 2013; the mean
subtracted as in Wang et al., "SimpleShot", 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.examples import Examples, Query
from edge_cls.learning.heads.head import Scores

Matrix = NDArray[np.float64]


class Centroid:
    """Scores a class by the cosine between the vector and the class mean, both relative to the mean of the class means.

    Vectors are normalised to length 1. The origin is the mean of the class means, not of the examples, so that a class
    counts the same with few or many examples. One sum per class is kept: prediction reads no example.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._sums: Matrix = np.zeros((0, 0))

    def fit(self) -> None:
        """Fit the examples as they are now."""
        examples = self._examples
        self._sums = np.zeros((0, 0))
        for chunk in examples.chunks():
            units = examples.units(chunk).astype(np.float64)
            if not self._sums.size:
                self._sums = np.zeros((len(examples.classes), units.shape[1]))
            np.add.at(self._sums, examples.targets[chunk], units)

    def add(self) -> None:
        """Learn the last example."""
        examples = self._examples
        last = np.array([len(examples) - 1])
        unit = examples.units(last)[0]
        missing = len(examples.classes) - len(self._sums)
        if missing:
            self._sums = np.concatenate((self._sums.reshape(-1, len(unit)), np.zeros((missing, len(unit)))))
        self._sums[examples.targets[-1]] += unit

    def remove(self, index: int) -> None:
        """Forget the example at `index`."""
        target = self._examples.targets[index]
        if self._examples.counts[target] == 1:
            self._sums = np.delete(self._sums, target, axis=0)
        else:
            self._sums[target] -= self._examples.units(np.array([index]))[0]

    def predict(self, query: Query) -> Scores:
        """Return the cosine of the angle to each class mean, float64 (classes,)."""
        if not len(self._sums):
            return np.empty(0)
        means = self._sums / self._examples.counts[:, None]
        unit = query.unit
        return np.asarray(_cosines((means @ unit)[None], means @ means.T, np.array([unit @ unit]))[0])

    def leave_one_out(self) -> Scores:
        """Return the leave-one-out scores, float64 (n, classes), from products of sums, corrected for each group."""
        examples = self._examples
        units = examples.units(np.arange(len(examples))).astype(np.float64)
        counts = examples.counts
        squares = np.einsum("ij,ij->i", units, units)
        to_sums, among_sums = units @ self._sums.T, self._sums @ self._sums.T
        scores = np.full((len(examples), len(counts)), -np.inf)
        for group in examples.groups():
            own = examples.targets[group[0]]
            taken = units[group].sum(axis=0)
            left = counts.copy()
            left[own] -= len(group)
            known = np.flatnonzero(left)
            if not len(known):
                continue
            to, among = to_sums[group].copy(), among_sums.copy()
            to[:, own] -= units[group] @ taken
            across = self._sums @ taken
            among[own] -= across
            among[:, own] -= across
            among[own, own] += taken @ taken
            to = to[:, known] / left[known]
            among = among[known[:, None], known] / np.outer(left[known], left[known])
            scores[group[:, None], known] = _cosines(to, among, squares[group])
        return scores


def _cosines(to_means: Matrix, among_means: Matrix, squares: Matrix) -> Matrix:
    """Return the cosines of vectors and class means, both relative to the mean of the means, float64 (n, classes).

    The arguments are dot products: of vectors and means (n, classes), among means (classes, classes), of vectors with
    themselves (n,). The cosine is 0 if a vector or a mean equals the mean of the means.
    """
    middle = among_means.mean(axis=1)
    dots = to_means - to_means.mean(axis=1, keepdims=True) - middle + middle.mean()
    means = np.diag(among_means) - 2 * middle + middle.mean()
    vectors = squares - 2 * to_means.mean(axis=1) + middle.mean()
    # A length that is only rounding error has no direction.
    lengths = np.sqrt(np.maximum(vectors, 0))[:, None] * np.sqrt(np.maximum(means, 0))
    return np.asarray(np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 1e-9))
