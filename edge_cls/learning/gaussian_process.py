"""Gaussian process regression from examples to their classes, with leave-one-out in closed form.

The equations are 2.25 and 2.26 of Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006. A frame is
familiar if it is predicted as a class, and if the examples explain much of its variance (as a measure of novelty:
Kemmler et al., "One-class classification with Gaussian processes", 2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NOISE = 0.1
"""Noise variance, where the prior variance is at most 1."""
EXPLAINED = 1.0
"""Weight of the explained variance, to which the examples of all classes contribute."""
OTHER_CLASSES = 0.25
"""Weight of the predictions of all other classes: something between two classes is not far from both."""
MIN_FAMILIARITY = 0.02
"""Familiarity below this is clipped."""


def familiarity(predicted: Array, explained: Array) -> Array:
    """Return the logarithm of the familiarity with each class, (..., classes).

    `predicted`: the prediction of each class, (..., classes); `explained`: the explained variance, (...).
    """
    others = predicted.sum(axis=-1, keepdims=True) - predicted
    whole = predicted + OTHER_CLASSES * others + EXPLAINED * explained[..., None]
    return np.asarray(np.log(np.maximum(whole, MIN_FAMILIARITY)))


class GaussianProcess:
    """The process after it has seen examples, and negatives, for which every class has the value 0.

    The prior covariance: `among_examples`, (n, n); `among_negatives`, (m, m), where m may be 0; `across`, of each
    negative with each example, (m, n). `members`: whether an example is of a class, 0 or 1, (n, classes).
    """

    def __init__(
        self,
        among_examples: NDArray[np.floating],
        among_negatives: NDArray[np.floating],
        across: NDArray[np.floating],
        members: Array,
    ) -> None:
        self.members = members
        self._negatives = _inverse_with_noise(among_negatives)
        self._solved = self._negatives @ across
        covariance = among_examples - across.T @ self._solved
        self._variance = np.diag(covariance)
        self._inverse = _inverse_with_noise(covariance)
        self._weights = self._inverse @ members
        self._quick = [matrix.astype(np.float32) for matrix in (self._solved, self._inverse, self._weights)]

    def merge(self, classes: NDArray[np.intp]) -> None:
        """Make one class of all classes with the same number in `classes`, which begin at 0, (classes,)."""
        merged = np.zeros((len(self.members), classes.max() + 1))
        np.add.at(merged.T, classes, self.members.T)
        self.members, self._weights = merged, self._inverse @ merged
        self._quick[2] = self._weights.astype(np.float32)

    def familiarity(self, near: NDArray[np.floating], near_negatives: NDArray[np.floating]) -> Array:
        """Return the logarithm of the familiarity of frames with each class, (..., classes).

        The prior covariance of each frame: `near` with the examples, (..., n); `near_negatives` with the negatives,
        (..., m).
        """
        solved, inverse, weights = self._quick
        rest = near.astype(np.float32, copy=False) - near_negatives.astype(np.float32, copy=False) @ solved
        explained = ((rest @ inverse) * rest).sum(axis=-1)
        return familiarity((rest @ weights).astype(np.float64), explained.astype(np.float64))

    def left_out(self, groups: Sequence[NDArray[np.intp]]) -> Array:
        """Return the logarithm of each example's familiarity, computed without those of its group: (n, classes)."""
        predicted, remaining = np.empty_like(self.members), np.empty(len(self.members))
        alone = np.array([rows[0] for rows in groups if len(rows) == 1], np.intp)
        remaining[alone] = 1 / np.diag(self._inverse)[alone]
        predicted[alone] = self.members[alone] - remaining[alone, None] * self._weights[alone]
        for rows in groups:
            if len(rows) > 1:
                remainder = np.linalg.inv(self._inverse[rows[:, None], rows])
                remaining[rows] = np.diag(remainder)
                predicted[rows] = self.members[rows] - remainder @ self._weights[rows]
        return familiarity(predicted, self._variance + NOISE - remaining)

    def left_out_negatives(self, count: int) -> Array:
        """Return the logarithm of the familiarity of the first `count` negatives, each left out: (count, classes).

        Negatives and examples are one joint process. The block of the negatives in its inverse is I + S A S', where I
        is the inverse of the negatives alone; leaving one out divides by its element on the diagonal.
        """
        solved, own = self._solved[:count], np.diag(self._negatives)[:count]
        joint = own + ((solved @ self._inverse) * solved).sum(axis=1)
        return familiarity(solved @ self._weights / joint[:, None], 1 / own - 1 / joint)


def _inverse_with_noise(covariance: NDArray[np.floating]) -> Array:
    return np.asarray(np.linalg.inv(covariance.astype(np.float64) + NOISE * np.eye(len(covariance))))
