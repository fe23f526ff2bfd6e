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

STRANGER = 0.5
"""The cosine distance of photos of different things, for a model that does not say."""
FALSE_ACCEPT = 0.05
"""The share of strangers that may be taken for a taught class, where nobody says."""
MOST = 500
"""So many examples judge at most: their inverse is a matter of milliseconds, and more hardly know better."""
ENOUGH = 10
"""From so many different examples on, a class has a threshold of its own."""
REACH = 0.6
"""How far an example reaches, as a share of the distance of different things."""
NOISE = 0.1
"""The variance of what examples say, where that of classes is 1."""
EXPLAINED = 0.5
"""The weight of what the examples explain of a frame, whichever class they are of."""
NEAR_DUPLICATE = 0.1
"""How near examples of a class are that show one view, as a share of the distance of different things."""
SPREAD = 0.25
"""The standard deviation of the logarithm of familiarity to expect, with the weight of `SPREAD_WEIGHT` observations."""
SPREAD_WEIGHT = 6
FAINTEST = 0.02
"""Less familiar than so is all the same."""
SOFTNESS = 0.15
"""How fast confidence falls around the threshold, in the logarithm of familiarity."""


def sample(labels: Sequence[str]) -> NDArray[np.int64]:
    """Return which of the examples should judge: all, or `MOST` of them, shared among the classes, spread over each."""
    of_class = _of_class(labels)
    if len(labels) <= MOST:
        return np.arange(len(labels))
    quota = MOST
    while sum(min(len(members), quota) for members in of_class) > MOST and quota > 1:
        quota -= 1
    spread = [
        members[np.linspace(0, len(members) - 1, min(len(members), quota)).round().astype(int)] for members in of_class
    ]
    return np.sort(np.concatenate(spread))


class OpenSet:
    """What is familiar to some examples, of which there must be one.

    `cosines`: of the angles between each two of the examples, (n, n). `labels` of the examples. `false_accept`: which
    share of strangers may be taken for a taught class, in (0, 1). `stranger`: the cosine distance that photos of
    different things usually have; the examples of different classes count more, the more classes there are.
    """

    def __init__(
        self,
        cosines: NDArray[np.floating],
        labels: Sequence[str],
        *,
        false_accept: float = FALSE_ACCEPT,
        stranger: float = STRANGER,
    ) -> None:
        of_class = _of_class(labels)
        self._members = np.zeros((len(labels), len(of_class)))
        for column, members in enumerate(of_class):
            self._members[members, column] = 1.0
        distances = _distances(cosines)
        np.fill_diagonal(distances, 0.0)  # also of a vector of zeros
        different = self._members @ self._members.T == 0
        apart = np.median(distances[different]) if different.any() else stranger
        self._width = max(float(apart + (stranger - apart) / len(of_class)), 1e-6)
        self._inverse = np.linalg.inv(self._kernel(distances) + NOISE * np.eye(len(labels)))
        self._weights = self._inverse @ self._members
        views = _linked((distances < NEAR_DUPLICATE * self._width) & ~different)
        self._thresholds = self._fit(views, false_accept)

    @property
    def thresholds(self) -> Array:
        """The logarithm of the familiarity at which a frame counts as known, of each class in sorted order."""
        return self._thresholds

    def familiarity(self, cosines: NDArray[np.floating]) -> Array:
        """Return the logarithm of how much frames look like each class, in sorted order: (..., classes).

        `cosines` of the angles of each frame with the examples: (..., n).
        """
        near = self._kernel(_distances(cosines))
        explained = ((near @ self._inverse) * near).sum(axis=-1, keepdims=True)
        return _logarithm(near @ self._weights + EXPLAINED * explained)

    def confidence(self, cosines: NDArray[np.floating]) -> Array:
        """Return how sure it is, in [0, 1], that frames show something taught, 0.5 at the threshold.

        `cosines` of the angles of each frame with the examples: (..., n) gives (...).
        """
        margin = (self.familiarity(cosines) - self._thresholds).max(axis=-1)
        return np.asarray(1.0 / (1.0 + np.exp(-margin / SOFTNESS)))

    def left_out(self, groups: NDArray[np.int64]) -> Array:
        """Return how familiar each example were, if those of its group (n,) had not been taught: (n, classes)."""
        left = np.empty_like(self._members)
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            remainder = np.linalg.inv(self._inverse[np.ix_(rows, rows)])
            explained = 1 + NOISE - np.diag(remainder)[:, None]
            left[rows] = self._members[rows] - remainder @ self._weights[rows] + EXPLAINED * explained
        return _logarithm(left)

    def _kernel(self, distances: Array) -> Array:
        return np.exp(-distances / (REACH * self._width))

    def _fit(self, views: NDArray[np.int64], false_accept: float) -> Array:
        label = self._members.argmax(axis=1)
        classes = self._members.shape[1]
        # What one more class would look like that is as far from every example as different things are. It stands
        # beside the classes that were left out, and alone where there is but one class, and so no stranger.
        far = np.full(len(label), float(np.exp(-1 / REACH)))
        usual = float(_logarithm((far @ self._weights).max() + EXPLAINED * far @ self._inverse @ far))
        strangers = (
            np.where(self._members > 0, -np.inf, self.left_out(label)).max(axis=1) if classes > 1 else np.empty(0)
        )
        means = [usual, *(strangers[label == one].mean() for one in range(classes) if classes > 1)]
        limit = _bound(float(np.mean(means)), _variance(strangers), len(means), 1 - false_accept)

        friends = self.left_out(views).max(axis=1)
        several = np.array([len(np.unique(views[label == one])) for one in range(classes)])
        known = friends[several[label] > 1]
        if classes == 1 and len(known):
            limit = min(limit, float(np.median(known)))  # with no stranger to go by, what is taught must be known
        thresholds = np.full(classes, limit)
        for one in range(classes):
            own = friends[label == one] if several[one] >= ENOUGH else known
            if len(own):
                # Where friends and strangers lie apart, so does the threshold from both.
                thresholds[one] = max(limit, (limit + _bound(float(own.mean()), _variance(own), len(own), 0.05)) / 2)
        return thresholds


def _of_class(labels: Sequence[str]) -> list[NDArray[np.int64]]:
    names = np.asarray(labels)
    return [np.flatnonzero(names == name) for name in sorted(set(labels))]


def _distances(cosines: NDArray[np.floating]) -> Array:
    return np.asarray(1.0 - np.clip(cosines, -1.0, 1.0), np.float64)


def _logarithm(familiarity: NDArray[np.float64]) -> Array:
    return np.asarray(np.log(np.maximum(familiarity, FAINTEST)))


def _variance(values: Array) -> float:
    return float(values.var()) if len(values) else 0.0


def _linked(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the group of each: whoever is `near` another, (n, n) and symmetric, is in the other's group."""
    groups = np.arange(len(near))
    while True:
        joined = np.where(near | np.eye(len(near), dtype=bool), groups, len(near)).min(axis=1)
        if (joined == groups).all():
            return groups
        groups = joined


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
