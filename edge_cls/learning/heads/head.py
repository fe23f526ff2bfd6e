"""The ports that heads implement."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.examples import Query

Scores = NDArray[np.float64]
"""Scores per class, float64 (..., classes). The largest belongs to the predicted class; a softmax makes probabilities
of them. -inf: no example of the class is left."""


class Head(Protocol):
    """Classifies vectors by the `Examples` that the head was made with. All heads share the same `Examples`.

    The owner changes the examples and notifies the head of each change through `add`, `remove` or `fit`.
    """

    def fit(self) -> None:
        """Fit the examples as they are now, and discard what was fitted before."""

    def add(self) -> None:
        """Learn the last example, which has just been appended."""

    def remove(self, index: int) -> None:
        """Forget the example at `index`, before it is removed from the examples and the last one takes its place."""

    def predict(self, query: Query) -> Scores:
        """Return the score of each class, float64 (classes,)."""

    def leave_one_out(self) -> Scores:
        """Return the scores of each example, predicted without it and its near duplicates, float64 (n, classes).

        Needs the cosines among the examples. Raises ValueError if there are more than `examples.LIMIT`.
        """


class RegressionHead(Head, Protocol):
    """A head whose labels are numbers and that also predicts a number."""

    def value(self, query: Query) -> float:
        """Return the predicted number. Raises LabelError if a label is not a number."""
