"""Heads: from the embeddings of a few examples to classes. A head has vectors; it is no interpreter."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.examples import Query

Scores = NDArray[np.float64]


class Head(Protocol):
    """What every head does with the `Examples` that it was made with, which all heads share.

    Its owner changes the examples and tells the head. Scores are real numbers, the largest of the best class; a softmax
    makes probabilities of them. A class that has nothing to be known by scores -inf.
    """

    def fit(self) -> None:
        """Learn the examples as they are now, and nothing else."""

    def add(self) -> None:
        """Learn the last of the examples, which is new."""

    def remove(self, index: int) -> None:
        """Forget the example at `index`, which is about to go: the last one will take its place."""

    def predict(self, query: Query) -> Scores:
        """Return the score of each class, float64 (classes,)."""

    def leave_one_out(self) -> Scores:
        """Return what `predict` would say of each example without it and its near duplicates, float64 (n, classes).

        Needs the cosines among the examples, so at most `examples.LIMIT` of them.
        """
