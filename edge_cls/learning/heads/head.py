"""The port that every head implements."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.examples import Query

Scores = NDArray[np.float64]
"""Scores per class, float64 (..., classes). The largest belongs to the predicted class; a softmax makes probabilities
of them. -inf: nothing is left that could represent the class."""


class Head(Protocol):
    """Classifies vectors by the `Examples` that the head was made with. All heads share the same `Examples`.

    The owner changes the examples and notifies the head of each change through `add`, `remove` or `fit`.
    """

    def fit(self) -> None:
        """Fit the examples as they are now, and discard what was fitted before."""

    def add(self) -> None:
        """Learn the last example, which was just appended."""

    def remove(self, index: int) -> None:
        """Forget the example at `index`. Called before it is removed from the examples; the last takes its place."""

    def predict(self, query: Query) -> Scores:
        """Return the score of each class, float64 (classes,)."""

    def leave_one_out(self) -> Scores:
        """Return the scores of each example, predicted without it and its near duplicates, float64 (n, classes).

        Needs the cosines among the examples, therefore at most `examples.LIMIT` of them.
        """
