"""None of them: from which distance on a frame is like nothing that was taught.

The examples themselves tell. The distance of each to its nearest fellow of the same class shows how far a known thing
may lie; its distance to the nearest example of another class plays the stranger, and shows how near one may come. The
threshold lies halfway between the two. While there is no fellow, known things are taken to lie at no distance; while
there is no other class, strangers are taken to be as far away as photos of different things usually are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from edge_cls.core.vectors import Vector

STRANGER = 0.5
"""The cosine distance of photos of different things, for a model that does not say."""
SOFTNESS = 0.15
"""How fast confidence falls around the threshold, as a share of it."""


class OpenSet:
    """The threshold of a growing set of examples. Adding one costs one pass over their distances to it.

    `stranger` is the distance that photos of different things usually have.
    """

    def __init__(self, stranger: float = STRANGER) -> None:
        self._stranger = stranger
        self._own = np.empty(0, np.float32)
        self._other = np.empty(0, np.float32)

    def add(self, label: str, distances: Vector, labels: Sequence[str]) -> None:
        """Learn of one more example of `label`, and its `distances` to all earlier ones, whose labels are `labels`."""
        same = np.fromiter((other == label for other in labels), bool, len(labels))
        self._own[same] = np.minimum(self._own[same], distances[same])
        self._other[~same] = np.minimum(self._other[~same], distances[~same])
        self.__dict__.pop("threshold", None)  # what is cached was that of the earlier examples
        self._own = np.append(self._own, distances[same].min(initial=np.float32(np.inf)))
        self._other = np.append(self._other, distances[~same].min(initial=np.float32(np.inf)))

    @cached_property
    def threshold(self) -> float:
        """The distance to the nearest example beyond which a frame is unknown."""
        own = self._own[np.isfinite(self._own)]
        other = self._other[np.isfinite(self._other)]
        far_friend = float(np.quantile(own, 0.95)) if len(own) else 0.0
        near_stranger = float(np.quantile(other, 0.05)) if len(other) else max(self._stranger, far_friend)
        return (far_friend + near_stranger) / 2

    def confidence(self, distance: float) -> float:
        """Return how sure it is, in [0, 1], that something at `distance` is known at all: 0.5 at the threshold."""
        threshold = max(self.threshold, 1e-6)
        exponent = (distance - threshold) / (SOFTNESS * threshold)
        return float(1.0 / (1.0 + np.exp(np.clip(exponent, -50.0, 50.0))))
