"""Open-set rejection: decides whether a frame shows a taught class or an unknown object.

The familiarity of a frame comes from Gaussian process regression from the examples to their classes. It is the highest
class prediction, which decays with the distance from all examples, plus half of the variance that the examples explain
(Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, equations 2.25 and 2.26; as a novelty measure:
Kemmler et al., "One-class classification with Gaussian processes", 2013).

The threshold comes from the examples by leave-one-out. Leaving out a class gives negatives: the familiarity of unknown
objects. Leaving out an example with its near duplicates gives a known: the familiarity of another photo of a taught
class. Both have closed forms in the same inverse matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNKNOWN_DISTANCE = 0.5
"""Typical cosine distance between photos of different objects, for models without a measured value."""
FALSE_ACCEPT = 0.05
"""Default accepted rate of unknown objects classified as a taught class."""
MAX_EXAMPLES = 500
"""Most examples that the open set uses: their matrix is inverted in milliseconds, and more hardly improve it."""
MIN_EXAMPLES_PER_CLASS = 10
"""Different examples of a class from which on the class has its own threshold."""
KERNEL_WIDTH = 0.6
"""Kernel width, as a share of the cosine distance between different objects."""
NOISE = 0.1
"""Noise variance of the Gaussian process, where the prior variance is 1."""
EXPLAINED = 0.5
"""Weight of the explained variance, to which the examples of all classes contribute."""
FAR_KNOWN_SHARE = 0.05
"""Share of knowns that may fall below the bound of the knowns."""
SPREAD = 0.27
"""Prior standard deviation of the logarithm of familiarity. It has the weight of `SPREAD_WEIGHT` observations."""
SPREAD_WEIGHT = 6
"""Weight of the prior `SPREAD`, in observations."""
MIN_FAMILIARITY = 0.02
"""Familiarity below this is clipped."""
SOFTNESS = 0.15
"""Scale of the sigmoid around the threshold, in units of the logarithm of familiarity."""


class OpenSet:
    """Open-set rejection by at least one example.

    `cosines`: the cosines of the angles between the examples, (n, n). `targets`: the class number of each, (n,).
    `views`: the indices of the examples, grouped by near duplicates of one class. `false_accept`: the accepted rate of
    unknown objects classified as a taught class, in (0, 1). `unknown_distance`: the prior for the cosine distance
    between photos of different objects; the more classes there are, the more their measured distances count instead.

    `thresholds`: the logarithm of familiarity above which a frame is known, per class number, (classes,).
    """

    def __init__(
        self,
        cosines: NDArray[np.floating],
        targets: NDArray[np.intp],
        views: Sequence[NDArray[np.intp]],
        *,
        false_accept: float = FALSE_ACCEPT,
        unknown_distance: float = UNKNOWN_DISTANCE,
    ) -> None:
        self._members = np.asarray(targets[:, None] == np.unique(targets), np.float64)
        classes = self._members.shape[1]
        distances = _distances(cosines)
        different = self._members @ self._members.T == 0
        apart = np.median(distances[different]) if different.any() else unknown_distance
        self._width = max(float(apart + (unknown_distance - apart) / classes), 1e-6)
        self._inverse = np.linalg.inv(self._kernel(distances) + NOISE * np.eye(len(targets)))
        self._weights = self._inverse @ self._members
        self.thresholds = self._fit(views, false_accept)

    def familiarity(self, cosines: NDArray[np.floating]) -> Array:
        """Return the logarithm of the familiarity of frames with each class, by number: (..., classes).

        `cosines`: the cosines of the angles between each frame and the examples, (..., n).
        """
        near = self._kernel(_distances(cosines))
        explained = ((near @ self._inverse) * near).sum(axis=-1, keepdims=True)
        return _logarithm(near @ self._weights + EXPLAINED * explained)

    def confidence(self, cosines: NDArray[np.floating]) -> Array:
        """Return the probability that frames show a taught class, in [0, 1], 0.5 at the threshold: (...).

        `cosines`: the cosines of the angles between each frame and the examples, (..., n).
        """
        margin = (self.familiarity(cosines) - self.thresholds).max(axis=-1)
        return np.asarray(1.0 / (1.0 + np.exp(-margin / SOFTNESS)))

    def left_out(self, groups: Sequence[NDArray[np.intp]]) -> Array:
        """Return the logarithm of each example's familiarity, computed without those of its group: (n, classes)."""
        left = np.empty_like(self._members)
        alone = np.array([rows[0] for rows in groups if len(rows) == 1], np.intp)
        remainders = 1 / np.diag(self._inverse)[alone, None]
        explained = 1 + NOISE - remainders
        left[alone] = self._members[alone] - remainders * self._weights[alone] + EXPLAINED * explained
        for rows in groups:
            if len(rows) == 1:
                continue
            remainder = np.linalg.inv(self._inverse[rows[:, None], rows])
            explained = 1 + NOISE - np.diag(remainder)[:, None]
            left[rows] = self._members[rows] - remainder @ self._weights[rows] + EXPLAINED * explained
        return _logarithm(left)

    def _kernel(self, distances: Array) -> Array:
        return np.exp(-distances / (KERNEL_WIDTH * self._width))

    def _fit(self, views: Sequence[NDArray[np.intp]], false_accept: float) -> Array:
        of_class = [np.flatnonzero(members) for members in self._members.T]
        limit = self._limit(of_class, 1 - false_accept)
        several = self._members[[view[0] for view in views]].sum(axis=0)  # number of views of each class
        known_familiarity = self.left_out(views).max(axis=1)
        # If a class has only one view, leaving that out gives a negative, not a known.
        known = np.concatenate(
            [np.empty(0), *(known_familiarity[of] for of, n in zip(of_class, several, strict=True) if n > 1)]
        )
        if len(of_class) == 1 and len(known):
            limit = min(limit, float(np.median(known)))  # without negatives, most of the knowns must be accepted
        thresholds = np.full(len(of_class), limit)
        for number, members in enumerate(of_class):
            own = known_familiarity[members] if several[number] >= MIN_EXAMPLES_PER_CLASS else known
            if len(own):
                # If there is a gap between knowns and negatives, the threshold is in the middle of it.
                known_bound = _bound(float(own.mean()), float(own.var()), len(own), FAR_KNOWN_SHARE)
                thresholds[number] = max(limit, (limit + known_bound) / 2)
        return thresholds

    def _limit(self, of_class: Sequence[NDArray[np.intp]], share: float) -> float:
        """Return the familiarity below which `share` of the negatives lie, estimated from left-out classes."""
        # A hypothetical class at `unknown_distance` from every example is added to the left-out classes. It is the only
        # negative if there is just one class.
        far = np.full(len(self._members), np.exp(-1 / KERNEL_WIDTH))
        expected = float(_logarithm((far @ self._weights).max() + EXPLAINED * far @ self._inverse @ far))
        if len(of_class) == 1:
            return _bound(expected, 0.0, 1, share)
        unknowns = np.where(self._members > 0, -np.inf, self.left_out(of_class)).max(axis=1)
        means = [expected, *(unknowns[members].mean() for members in of_class)]
        return _bound(float(np.mean(means)), float(unknowns.var()), len(means), share)


def _distances(cosines: NDArray[np.floating]) -> Array:
    return np.asarray(1.0 - np.clip(cosines, -1.0, 1.0), np.float64)


def _logarithm(familiarity: NDArray[np.float64]) -> Array:
    return np.asarray(np.log(np.maximum(familiarity, MIN_FAMILIARITY)))


def _bound(mean: float, variance: float, count: int, share: float) -> float:
    """Return the bound of Student's prediction interval: `share` of further values lie below it.

    `mean` and `variance` are those of `count` independent values; the variance is shrunk towards the prior `SPREAD`.
    The quantile is the expansion of Fisher and Cornish (Abramowitz and Stegun, "Handbook of Mathematical Functions",
    1964, 26.7.5).
    """
    freedom = count - 1 + SPREAD_WEIGHT
    deviation = (((count - 1) * variance + SPREAD_WEIGHT * SPREAD**2) / freedom) ** 0.5
    z = NormalDist().inv_cdf(share)
    quantile = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return float(mean + quantile * deviation * (1 + 1 / count) ** 0.5)
