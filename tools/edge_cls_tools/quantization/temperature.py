"""Temperature scaling: calibrates the probabilities of a model on the validation photos."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_cls.model.temperature import with_temperature

RANGE = 0.2, 5.0
"""Lowest and highest temperature."""
GRID, ROUNDS = 25, 3
"""Temperatures that are tried, at equal factors, and how often: each round searches between the neighbours of the best
one of the last, so that the temperature is exact to 0.1 %. The floor of HALF_STEP can make several minima."""
HALF_STEP = 1 / 512
"""Half the step of an int8 probability: a probability of 0 is treated as this."""


def fit_temperature(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the temperature that maximises the likelihood of the labels `truth`, (n,), on validation photos.

    `probabilities`, (n, classes), are the outputs of the model. As in Platt scaling, the target probability of the true
    class is 1 - 1 / (n + 2) instead of 1: a model that classifies three photos correctly does not classify all photos
    correctly. Guo et al., "On Calibration of Modern Neural Networks", 2017; Platt, "Probabilistic Outputs for Support
    Vector Machines", 1999.
    """
    count, classes = probabilities.shape
    smoothing = 1 / (count + 2)
    targets = np.full((count, classes), smoothing / max(classes - 1, 1))
    targets[np.arange(count), truth] = 1 - smoothing

    def loss(log_temperature: float) -> float:
        # The floor is applied after scaling: with many classes most probabilities are 0, and their floors would
        # otherwise add up to a large share.
        scaled = np.maximum(with_temperature(probabilities, math.exp(log_temperature)), HALF_STEP)
        return -float((targets * np.log(scaled, dtype=np.float64)).sum())

    low, high = math.log(RANGE[0]), math.log(RANGE[1])
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, GRID).tolist()
        best = min(range(GRID), key=[loss(point) for point in grid].__getitem__)
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    return math.exp(grid[best])
