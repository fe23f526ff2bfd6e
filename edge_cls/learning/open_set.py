"""Open-set rejection: decides whether a frame shows a taught class or something else.

The familiarity of a frame comes from a Gaussian process from the examples to their classes (`gaussian_process`). The
process also knows negatives, which are no class: the generic photos of the backbone's bank, and the examples of the
label `background`.

The threshold is never laxer than the requested rate of false accepts on the bank, whose photos are left out one by one;
above that, it is as strict as the taught classes are different from each other (`threshold`). Classes that cannot be
distinguished count as one here, so that a second name for one thing does not make everything unknown (`twins`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.gaussian_process import GaussianProcess
from edge_cls.learning.threshold import FALSE_ACCEPT, Evidence, softness, threshold
from edge_cls.learning.twins import joined_views, one_class_each

Array = NDArray[np.float64]

UNKNOWN_DISTANCE = 0.5
"""Typical cosine distance between photos of different objects, for models without a measured value."""
MAX_EXAMPLES = 500
"""Most examples that the open set uses: their matrix is inverted in milliseconds, and more hardly improve it."""
KERNEL_WIDTH = 0.5
"""Kernel width, as a share of the cosine distance between different objects."""


@dataclass(frozen=True, eq=False)
class Negatives:
    """Things that show none of the classes.

    `cosines`: the cosines of the angles among them, (m, m); `to_examples`: those to the examples, (m, n). The first
    `generic` of them are the photos of the bank: the rate of false accepts is measured on these.
    """

    cosines: NDArray[np.floating]
    to_examples: NDArray[np.floating]
    generic: int


class OpenSet:
    """Open-set rejection by at least one example.

    `cosines`: the cosines of the angles between the examples, (n, n). `targets`: the class number of each, (n,).
    `views`: the indices of the examples, grouped by views of one class. `false_accept`: the accepted rate of pictures
    of quite other things taken for a class, in (0, 1). `unknown_distance`: the typical cosine distance between photos
    of different objects.

    `threshold`: the logarithm of familiarity from which on a frame is known. `rates`: how often that is wrong.
    """

    def __init__(
        self,
        cosines: NDArray[np.floating],
        targets: NDArray[np.intp],
        views: Sequence[NDArray[np.intp]],
        negatives: Negatives,
        *,
        false_accept: float = FALSE_ACCEPT,
        unknown_distance: float = UNKNOWN_DISTANCE,
    ) -> None:
        self._width = max(KERNEL_WIDTH * unknown_distance, 1e-6)
        labels, targets = np.unique(targets, return_inverse=True)
        self._process = GaussianProcess(
            self._kernel(cosines),
            self._kernel(negatives.cosines),
            self._kernel(negatives.to_examples),
            np.asarray(targets[:, None] == np.arange(len(labels)), np.float64),
        )
        self.twins = one_class_each(self._process, views)
        self._process.merge(self.twins)
        far_from_all = 1 - np.full(sum(negatives.to_examples.shape), unknown_distance)
        evidence = Evidence.gather(
            self._process,
            joined_views(views, targets, self.twins),
            negatives.generic,
            expected=float(self.familiarity(far_from_all[: len(targets)], far_from_all[len(targets) :])),
        )
        self.threshold = threshold(evidence, false_accept)
        self.rates = evidence.rates(self.threshold)
        self._softness = softness(evidence, self.threshold)

    def familiarity(self, cosines: NDArray[np.floating], to_negatives: NDArray[np.floating]) -> Array:
        """Return the logarithm of the familiarity of frames with the most familiar class: (...).

        `cosines`: the cosines of the angles between each frame and the examples, (..., n); `to_negatives`: those to the
        negatives, (..., m).
        """
        return np.asarray(self._process.familiarity(self._kernel(cosines), self._kernel(to_negatives)).max(axis=-1))

    def confidence(self, cosines: NDArray[np.floating], to_negatives: NDArray[np.floating]) -> Array:
        """Return the probability that frames show a taught class, in [0, 1], 0.5 at the threshold: (...).

        The arguments are those of `familiarity`.
        """
        margin = self.familiarity(cosines, to_negatives) - self.threshold
        return np.asarray(1.0 / (1.0 + np.exp(-margin / self._softness)))

    def _kernel(self, cosines: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(np.exp((np.clip(cosines, -1.0, 1.0) - 1.0) / self._width))
