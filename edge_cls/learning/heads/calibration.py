"""Calibration: a softmax turns scores into probabilities, with a temperature fitted to leave-one-out predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.head import Scores

TEMPERATURES = np.geomspace(0.01, 10.0, 31)
"""The calibration temperatures that are tried."""
_PRIOR_WEIGHT = 1.0
"""Weight of the prior on the temperature: the loss it adds, in predictions, if the temperature is off by a factor e."""


def probabilities(scores: Scores, temperature: float) -> NDArray[np.float64]:
    """Return the softmax of `scores` / `temperature`, float64 (..., classes): 0 for -inf, all 0 if all are -inf.

    >>> probabilities(np.array([[0.0, 0.0, -np.inf]]), 1.0)
    array([[0.5, 0.5, 0. ]])
    """
    best = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    powers = np.exp((scores - np.where(np.isfinite(best), best, 0.0)) / temperature)
    return np.asarray(powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1e-300))


def losses(scores: Scores, targets: NDArray[np.intp], temperature: float) -> NDArray[np.float64]:
    """Return the negative log-likelihood of each true class, float64 (n,). Scores of true classes must be finite."""
    return -np.log(np.maximum(probabilities(scores, temperature)[np.arange(len(scores)), targets], 1e-12))


def comparable(scores: Scores, targets: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return the left-out examples that have both their own class and another one to choose from, bool (n,)."""
    finite = np.isfinite(scores)
    return np.asarray(finite[np.arange(len(scores)), targets] & (finite.sum(axis=1) > 1))


def class_weights(targets: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return weights, summing to 1, that give each class of `targets` the same total weight, float64 (n,)."""
    counts = np.bincount(targets)
    return np.asarray(1 / (counts[targets] * np.count_nonzero(counts)), np.float64)


def fitted_temperature(scores: Scores, targets: NDArray[np.intp], expected: float) -> float:
    """Return the temperature with the lowest loss on leave-one-out `scores`, each class counting the same.

    A log-normal prior keeps it near the `expected` temperature if there are few predictions.
    """
    compared = comparable(scores, targets)
    if not compared.any():
        return expected
    scores, targets = scores[compared], targets[compared]
    weights = class_weights(targets) * len(targets)
    total_losses = [
        weights @ losses(scores, targets, t) + _PRIOR_WEIGHT * np.log(t / expected) ** 2 for t in TEMPERATURES.tolist()
    ]
    return float(TEMPERATURES[int(np.argmin(total_losses))])
