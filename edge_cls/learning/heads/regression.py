"""Regression: the labels are numbers (of a dial, a level, a distance), and so is the prediction."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import LabelError
from edge_cls.learning.heads.examples import Query
from edge_cls.learning.heads.knn import KNN


def as_number(label: str) -> float:
    """Return the number that a label stands for. Raises LabelError if it is not a finite number.

    >>> as_number("-1.5")
    -1.5
    """
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise LabelError(
            f"the label {label!r} is not a number",
            hint="teach only numbers with --head knn-regression, or use another head",
        )
    return number


class KNNRegression(KNN):
    """Predicts the mean of the `k` nearest examples' numbers, weighted with 1 / distance."""

    def value(self, query: Query) -> float:
        """Return the predicted number. Raises LabelError if a label is not a number."""
        return float(self.votes(query) @ self._numbers())

    def _numbers(self) -> NDArray[np.float64]:
        return np.array([as_number(label) for label in self._examples.classes])
