"""The threshold of the open set: between everything else and the taught classes.

All evidence comes from leaving out, in the logarithm of familiarity. Generic photos that are left out of the bank show
how familiar quite other things are. A class that is left out shows how familiar something similar is that was not
taught. An example that is left out, with its view, shows how familiar another photo of a taught class is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.gaussian_process import GaussianProcess

Array = NDArray[np.float64]
Groups = Sequence[NDArray[np.intp]]

FALSE_ACCEPT = 0.05
"""Default rate of pictures of quite other things that may be taken for a taught class."""
LOST = 0.07
"""Share of the photos of taught classes that may be lost at the default rate, if each class has many views."""
FEW_VIEWS = 2.5
"""With this number of views of each class, twice as many left-out examples may be lost: with one view fewer, they are
less familiar than new photos will be."""
STRICTNESS = 0.65
"""Place of the threshold between similar things (0) and other photos of the taught classes (1)."""
ONE_VIEW_STRICTNESS = 0.4
"""The same if each class has one view, between similar things and the frames of that view, which are too familiar."""
SINGLE_PHOTOS = 0.7
"""Share of the requested rate that is used if each class has a single photo."""
SPREAD = 0.35
"""Prior standard deviation of the familiarity of left-out examples. It has the weight of `SPREAD_WEIGHT` examples."""
SPREAD_WEIGHT = 4
TAIL = 0.1
"""Share of the generic photos to which an exponential tail is fitted: rates below it are extrapolated."""
PRIOR_SPREAD = 0.5
"""Standard deviation of the familiarity of quite other things if there are no generic photos."""
NO_BANK = 0.5
"""Without generic photos, the threshold is at most so many standard deviations below the mean of left-out examples."""
SOFTEST, HARDEST = 3.5, 0.08
"""The scale of the sigmoid is the distance from the threshold to left-out examples, divided by the first number, and at
least the second."""
TYPICAL_MARGIN = 0.5
"""The distance from the threshold to other photos of a class, if no example could be left out."""
MEASURABLE = 10
"""Left-out examples from which a rate is given: fewer cannot show one below 1 in 10."""


@dataclass(frozen=True)
class Rates:
    """How often the open set is wrong about what is similar to the examples, by leaving out: shares in [0, 1].

    `own_unknown`: the share of the examples of the taught classes that are unknown, left out with their view; None if
    the classes with several views have fewer than MEASURABLE examples. `similar_known`: the share of the examples of a
    class that are known as another, left out with their whole class; None if there is one class, or fewer than
    MEASURABLE examples. All classes have the same weight, and twins are one class.
    """

    own_unknown: float | None
    similar_known: float | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """Logarithms of familiarity, each of something that was left out.

    `generic`: those of generic photos; None if there are none, `expected` is then used instead. `similar`: those of the
    examples of each left-out class with all others, empty if there is just one class. `own`: those of the examples of
    each class with several views, left out with their view; `frames`: those of each class with one view of several
    frames, each left out alone. `views`: the mean number of views of the classes in `own`.
    """

    generic: Array | None
    expected: float
    similar: list[Array]
    own: list[Array]
    frames: list[Array]
    views: float

    @classmethod
    def gather(cls, process: GaussianProcess, views: Groups, generic: int, *, expected: float) -> Evidence:
        """Leave out classes, `views`, frames, and the first `generic` negatives of a process."""
        members, left_out = process.members, process.left_out
        classes = [np.flatnonzero(of_class) for of_class in members.T]
        counts = members[[view[0] for view in views]].sum(axis=0)
        similar = []
        if len(classes) > 1:
            rest = np.where(members > 0, -np.inf, left_out(classes)).max(axis=1)
            similar = [rest[rows] for rows in classes]
        by_view = left_out(views).max(axis=1)
        own = [by_view[rows] for rows, count in zip(classes, counts, strict=True) if count > 1]
        held = [rows for rows, count in zip(classes, counts, strict=True) if count == 1 and len(rows) > 1]
        frames = []
        if held:
            alone = left_out([np.array([row]) for row in range(len(members))]).max(axis=1)
            frames = [alone[rows] for rows in held]
        photos = process.left_out_negatives(generic).max(axis=1) if generic else None
        return cls(photos, expected, similar, own, frames, float(counts[counts > 1].mean()) if own else 1.0)

    def far(self, rate: float) -> float:
        """Return the familiarity that a share of `rate` of quite other things exceeds."""
        if self.generic is None:
            return self.expected + NormalDist().inv_cdf(1 - rate) * PRIOR_SPREAD
        if rate >= TAIL:
            return float(np.quantile(self.generic, 1 - rate))
        start = np.quantile(self.generic, 1 - TAIL)
        excess = (self.generic[self.generic > start] - start).mean() if (self.generic > start).any() else 0.0
        return float(start + excess * np.log(TAIL / rate))

    def rates(self, limit: float) -> Rates:
        """Return how often left-out examples are on the wrong side of the threshold `limit`."""
        return Rates(_share([of < limit for of in self.own]), _share([of >= limit for of in self.similar]))


def threshold(evidence: Evidence, false_accept: float) -> float:
    """Return the logarithm of familiarity above which a frame is known.

    It is never laxer than `false_accept` of quite other things. It is as strict as the classes are different from each
    other, but not so strict that more than a small share of the taught classes is lost.
    """
    far = evidence.far(false_accept)
    similar = _mean(evidence.similar) if evidence.similar else None
    if evidence.own:
        middle, deviation = _mean(evidence.own), _deviation(evidence.own)
        lost = LOST * (1 + FEW_VIEWS / evidence.views) * (FALSE_ACCEPT / false_accept) ** 0.5
        most = middle + NormalDist().inv_cdf(min(lost, 0.45)) * deviation
        if evidence.generic is None:  # an expectation alone must not reject most of what was taught
            far = min(far, middle - NO_BANK * deviation)
        return max(far, most if similar is None else min(similar + STRICTNESS * (middle - similar), most))
    if similar is not None and evidence.frames:
        return max(far, similar + ONE_VIEW_STRICTNESS * (_mean(evidence.frames) - similar))
    # It is not known how other photos of a class with a single photo look: the bank decides, more strictly.
    far = evidence.far(SINGLE_PHOTOS * false_accept)
    return far if similar is None else far + max(similar - far, 0.0) / 2


def softness(evidence: Evidence, limit: float) -> float:
    """Return the scale of the sigmoid around the threshold `limit`."""
    left_out = evidence.own or evidence.frames
    margin = _mean(left_out) - limit if left_out else TYPICAL_MARGIN
    return max(margin / SOFTEST, HARDEST)


def _mean(classes: Sequence[Array]) -> float:
    """Return the mean of the values of each class, in which all classes have the same weight."""
    return float(np.mean([values.mean() for values in classes]))


def _share(classes: Sequence[NDArray[np.bool_]]) -> float | None:
    """Return the share of true values, in which all classes have the same weight; None if there are too few."""
    return float(np.mean([of.mean() for of in classes])) if sum(map(len, classes)) >= MEASURABLE else None


def _deviation(classes: Sequence[Array]) -> float:
    """Return the standard deviation around `_mean`; the variance is drawn towards the prior `SPREAD`."""
    middle, count = _mean(classes), sum(map(len, classes))
    squares = count * float(np.mean([((values - middle) ** 2).mean() for values in classes]))
    return float(((squares + SPREAD_WEIGHT * SPREAD**2) / (count + SPREAD_WEIGHT - 1)) ** 0.5)
