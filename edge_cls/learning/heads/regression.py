"""Numbers instead of classes: the labels are values of a dial, a level, a distance, and the answer is one too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import LabelError
from edge_cls.learning.heads.examples import Query
from edge_cls.learning.heads.knn import KNN


def as_number(label: str) -> float:
    """Return the number that a label is. Raises LabelError where it is none.

    >>> as_number("-1.5")
    -1.5
    """
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise LabelError(
            f"the label {label!r} is no number",
            hint="teach numbers only with --head knn-regression, or use another head",
        )
    return number


def value(head: KNN, classes: Sequence[str], query: Query) -> float:
    """Return the mean of the nearest examples' numbers, each weighted with 1 / distance. Raises LabelError."""
    return float(head.votes(query) @ _numbers(classes))


def leave_one_out_error(head: KNN, classes: Sequence[str], targets: NDArray[np.intp]) -> float | None:
    """Return by how much the answer is off on average where the example asked for is left out.

    Near duplicates are left out with it. None where nothing is left to answer with. Raises LabelError.
    """
    numbers = _numbers(classes)
    votes, _ = head.votes_left_out()
    asked = votes.any(axis=1)
    return float(np.abs(votes @ numbers - numbers[targets])[asked].mean()) if asked.any() else None


def _numbers(classes: Sequence[str]) -> NDArray[np.float64]:
    return np.array([as_number(label) for label in classes])
