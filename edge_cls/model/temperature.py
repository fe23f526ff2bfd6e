"""Calibrate probabilities by temperature scaling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

KNOWN_SHARE = 0.95
"""Share of the photos of known classes whose confidence is not below the threshold of `unknown`."""


def with_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return `probabilities`, float32 (..., classes), with their logarithms divided by `temperature`, summing to 1.

    The order of the classes stays. A temperature above 1 makes all probabilities more alike, one below 1 raises the
    highest. Guo et al., "On Calibration of Modern Neural Networks", 2017.

    >>> with_temperature(np.array([0.8, 0.2], np.float32), 2.0).round(3)
    array([0.667, 0.333], dtype=float32)
    """
    if temperature == 1.0:
        return probabilities
    # Relative to the largest, because the powers of small numbers could all underflow to 0.
    powers = (probabilities / probabilities.max(axis=-1, keepdims=True)) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def unknown_threshold(probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the confidence that KNOWN_SHARE of `probabilities`, (n, classes), reach; a lower one means unknown.

    They are calibrated, and those of photos that the model was not fitted to; n is at least 1.
    """
    return float(np.quantile(probabilities.max(axis=1), 1 - KNOWN_SHARE))
