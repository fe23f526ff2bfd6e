"""The temperature that makes a model's probabilities say how often it is right."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from edge_cls.model.temperature import with_temperature

RANGE = 0.2, 5.0
HALF_STEP = 1 / 512
"""Half of what an int8 probability can tell: nothing is impossible that the model calls 0."""


def fit_temperature(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the temperature under which `probabilities`, (n, classes), are most likely to give `truth`, (n,).

    The photos are those of validation. As in Platt scaling, a photo speaks for its class with 1 - 1 / (n + 2) and not
    with certainty: a model that is right about the three photos it is asked is not right about all.
    Guo et al., "On Calibration of Modern Neural Networks", 2017; Platt, "Probabilistic Outputs for Support Vector
    Machines", 1999.
    """
    count, classes = probabilities.shape
    doubt = 1 / (count + 2)
    targets = np.full((count, classes), doubt / max(classes - 1, 1))
    targets[np.arange(count), truth] = 1 - doubt

    def loss(log_temperature: float) -> float:
        # What the device will say: of many classes most are 0, and their halves of a step must not add up to one.
        said = np.maximum(with_temperature(probabilities, math.exp(log_temperature)), HALF_STEP)
        return -float((targets * np.log(said, dtype=np.float64)).sum())

    lowest, highest = RANGE
    return math.exp(minimize_scalar(loss, bounds=(math.log(lowest), math.log(highest)), method="bounded").x)
