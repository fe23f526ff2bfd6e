"""From scores to probabilities: a softmax whose temperature is fitted on what leaving examples out says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.head import Scores

TEMPERATURES = np.geomspace(0.01, 10.0, 31)
_DOUBT = 1.0
"""How many answers the expected temperature weighs as much as, for each factor e that another is away from it."""


def probabilities(scores: Scores, temperature: float) -> NDArray[np.float64]:
    """Return the softmax of `scores` / `temperature`, (..., classes), 0 for -inf; all 0 where all are -inf.

    >>> probabilities(np.array([[0.0, 0.0, -np.inf]]), 1.0)
    array([[0.5, 0.5, 0. ]])
    """
    best = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    powers = np.exp((scores - np.where(np.isfinite(best), best, 0.0)) / temperature)
    return np.asarray(powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1e-300))


def losses(scores: Scores, targets: NDArray[np.intp], temperature: float) -> NDArray[np.float64]:
    """Return minus the logarithm of each right answer's probability, (n,). `scores` of right answers are finite."""
    return -np.log(np.maximum(probabilities(scores, temperature)[np.arange(len(scores)), targets], 1e-12))


def answerable(scores: Scores, targets: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which examples, left out, could be answered right, and wrong: (n,)."""
    finite = np.isfinite(scores)
    return np.asarray(finite[np.arange(len(scores)), targets] & (finite.sum(axis=1) > 1))


def class_weights(targets: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return weights, summing to 1, under which each class of `targets` counts the same: (n,)."""
    counts = np.bincount(targets)
    return np.asarray(1 / (counts[targets] * np.count_nonzero(counts)), np.float64)


def fitted_temperature(scores: Scores, targets: NDArray[np.intp], expected: float) -> float:
    """Return the temperature under which leave-one-out `scores` are the least surprising, each class counting the same.

    With few answers it stays near the `expected` one.
    """
    asked = answerable(scores, targets)
    if not asked.any():
        return expected
    scores, targets = scores[asked], targets[asked]
    weights = class_weights(targets) * len(targets)
    surprise = [
        weights @ losses(scores, targets, t) + _DOUBT * np.log(t / expected) ** 2 for t in TEMPERATURES.tolist()
    ]
    return float(TEMPERATURES[int(np.argmin(surprise))])
