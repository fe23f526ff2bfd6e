"""None of them: from when on a frame is like nothing that was taught.

How familiar a frame looks is judged by Gaussian process regression from the examples to their classes: the best class's
prediction, which fades away from all examples, and half of what they explain of the frame at all (Rasmussen and
Williams, "Gaussian Processes for Machine Learning", 2006, equations 2.25 and 2.26; as a measure of novelty: Kemmler et
al., "One-class classification with Gaussian processes", 2013).

The threshold comes from the examples. A class that is left out plays the strangers, and tells how familiar these look;
an example that is left out, with its near duplicates, plays the friend. Both are closed forms of the one inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNKNOWN_DISTANCE = 0.5
"""The cosine distance of photos of different things, for a model that does not say."""
FALSE_ACCEPT = 0.05
"""The share of strangers that may be taken for a taught class, where nobody says."""
MAX_EXAMPLES = 500
"""So many examples judge at most: their inverse is a matter of milliseconds, and more hardly know better."""
MIN_EXAMPLES_PER_CLASS = 10
"""From so many different examples on, a class has a threshold of its own."""
KERNEL_WIDTH = 0.6
"""How far an example reaches, as a share of the distance of different things."""
NOISE = 0.1
"""The variance of what examples say, where that of classes is 1."""
EXPLAINED = 0.5
"""The weight of what the examples explain of a frame, whichever class they are of."""
FAR_KNOWN_SHARE = 0.05
"""The share of friends that may lie beyond what counts as the distance of friends."""
SPREAD = 0.27
"""The standard deviation of the logarithm of familiarity to expect, with the weight of `SPREAD_WEIGHT` observations."""
SPREAD_WEIGHT = 6
MIN_FAMILIARITY = 0.02
"""Less familiar than so is all the same."""
SOFTNESS = 0.15
"""How fast confidence falls around the threshold, in the logarithm of familiarity."""


class OpenSet:
    """What is familiar to some examples, of which there must be one.

    `cosines`: of the angles between each two of the examples, (n, n). `targets`: the class of each by number, (n,).
    `views`: the examples by index, near duplicates of one class together. `false_accept`: which share of strangers may
    be taken for a taught class, in (0, 1). `unknown_distance`: the cosine distance that photos of different things
    have; how far the classes are from each other counts more, the more there are.

    `thresholds`: the logarithm of familiarity from which on a frame is known, of each class by number, (classes,).
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
        """Return the logarithm of how much frames look like each class, by number: (..., classes).

        `cosines` of the angles of each frame with the examples: (..., n).
        """
        near = self._kernel(_distances(cosines))
        explained = ((near @ self._inverse) * near).sum(axis=-1, keepdims=True)
        return _logarithm(near @ self._weights + EXPLAINED * explained)

    def confidence(self, cosines: NDArray[np.floating]) -> Array:
        """Return how sure it is, in [0, 1], that frames show something taught, 0.5 at the threshold.

        `cosines` of the angles of each frame with the examples: (..., n) gives (...).
        """
        margin = (self.familiarity(cosines) - self.thresholds).max(axis=-1)
        return np.asarray(1.0 / (1.0 + np.exp(-margin / SOFTNESS)))

    def left_out(self, groups: Sequence[NDArray[np.intp]]) -> Array:
        """Return how familiar each example were, if those of its group had not been taught: (n, classes)."""
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
        several = self._members[[view[0] for view in views]].sum(axis=0)  # views of each class
        known_familiarity = self.left_out(views).max(axis=1)
        # An example without another view of its class would be a stranger when it is left out.
        known = np.concatenate(
            [np.empty(0), *(known_familiarity[of] for of, n in zip(of_class, several, strict=True) if n > 1)]
        )
        if len(of_class) == 1 and len(known):
            limit = min(limit, float(np.median(known)))  # with no stranger to go by, what is taught must be known
        thresholds = np.full(len(of_class), limit)
        for number, members in enumerate(of_class):
            own = known_familiarity[members] if several[number] >= MIN_EXAMPLES_PER_CLASS else known
            if len(own):
                # Where friends and strangers lie apart, so does the threshold from both.
                known_bound = _bound(float(own.mean()), float(own.var()), len(own), FAR_KNOWN_SHARE)
                thresholds[number] = max(limit, (limit + known_bound) / 2)
        return thresholds

    def _limit(self, of_class: Sequence[NDArray[np.intp]], share: float) -> float:
        """Return below which familiarity `share` of the strangers lie, as left-out classes tell."""
        # A class as far from every example as different things are stands beside those that were left out, and alone
        # where there is but one class, and so no stranger.
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
    """Return below what `share` of further values lie, after `count` independent ones: Student's prediction interval.

    The variance is drawn towards the usual one. The quantile is Fisher and Cornish's expansion (Abramowitz and Stegun,
    "Handbook of Mathematical Functions", 1964, 26.7.5).
    """
    freedom = count - 1 + SPREAD_WEIGHT
    deviation = (((count - 1) * variance + SPREAD_WEIGHT * SPREAD**2) / freedom) ** 0.5
    z = NormalDist().inv_cdf(share)
    quantile = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return float(mean + quantile * deviation * (1 + 1 / count) ** 0.5)
