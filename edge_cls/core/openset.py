"""None of them: from which distance on a frame is like nothing that was taught.

The examples themselves tell. The distance of each to its nearest fellow of the same class shows how far a known thing
may lie; its distance to the nearest example of another class plays the stranger, and shows how near one may come. The
threshold lies halfway between the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_cls.core.heads import Vectors

ALONE = 0.35
"""The threshold, as a cosine distance, while nothing can be compared: a single example."""
MARGIN_OF_ONE_CLASS = 1.5
"""With one class there is no stranger: the threshold is this many times the largest distance within the class."""
SOFTNESS = 0.15
"""How fast confidence falls around the threshold, as a share of it."""


class OpenSet:
    """The threshold of a growing set of examples. Adding one costs one pass over their distances to it."""

    def __init__(self) -> None:
        self._own = np.empty(0, np.float32)
        self._other = np.empty(0, np.float32)

    def add(self, label: str, distances: Vectors, labels: Sequence[str]) -> None:
        """Learn of one more example of `label`, and its `distances` to all earlier ones, whose labels are `labels`."""
        same = np.fromiter((other == label for other in labels), bool, len(labels))
        self._own[same] = np.minimum(self._own[same], distances[same])
        self._other[~same] = np.minimum(self._other[~same], distances[~same])
        own = distances[same].min(initial=np.inf)
        other = distances[~same].min(initial=np.inf)
        self._own = np.append(self._own, np.float32(own))
        self._other = np.append(self._other, np.float32(other))

    @property
    def threshold(self) -> float:
        """The distance to the nearest example beyond which a frame is unknown."""
        own = self._own[np.isfinite(self._own)]
        other = self._other[np.isfinite(self._other)]
        far_friend = float(np.quantile(own, 0.95)) if len(own) else None
        near_stranger = float(np.quantile(other, 0.05)) if len(other) else None
        if far_friend is not None and near_stranger is not None:
            return (far_friend + near_stranger) / 2
        if far_friend is not None:
            return far_friend * MARGIN_OF_ONE_CLASS
        if near_stranger is not None:
            return near_stranger / 2
        return ALONE

    def confidence(self, distance: float) -> float:
        """Return how sure it is, in [0, 1], that something at `distance` is known at all: 0.5 at the threshold."""
        threshold = max(self.threshold, 1e-6)
        exponent = (distance - threshold) / (SOFTNESS * threshold)
        return float(1.0 / (1.0 + np.exp(np.clip(exponent, -50.0, 50.0))))
