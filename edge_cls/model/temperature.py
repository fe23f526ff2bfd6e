"""Probabilities that say how often they are right: temperature scaling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def with_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return `probabilities`, float32 (..., classes), with their logarithms divided by `temperature`, summing to 1.

    The order of the classes stays. Above 1 all come closer together, below 1 the best moves away from the others.
    Guo et al., "On Calibration of Modern Neural Networks", 2017.

    >>> with_temperature(np.array([0.8, 0.2], np.float32), 2.0).round(3)
    array([0.667, 0.333], dtype=float32)
    """
    if temperature == 1.0:
        return probabilities
    # Relative to the largest, so that no power of small numbers is the sum.
    powers = (probabilities / probabilities.max(axis=-1, keepdims=True)) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
