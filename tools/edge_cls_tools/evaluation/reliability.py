"""What a classifier's confidence is worth: how often it is right when it says so, and what refusing to guess buys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class Bin:
    """The answers with a confidence in one fifteenth of [0, 1]: how many, how sure on average, how often right."""

    photos: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CoveragePoint:
    """What is left when answers with a confidence below `threshold` are refused.

    `share` of all answers is kept, and `accuracy` of those is right: None where none is kept.
    """

    threshold: float
    share: float
    accuracy: float | None


def reliability(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return BINS bins of equal width, least sure first; the numbers of an empty one are 0."""
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(index, minlength=BINS)
    divisor = np.maximum(counts, 1)
    sure = np.bincount(index, weights=confidence, minlength=BINS) / divisor
    right = np.bincount(index, weights=correct, minlength=BINS) / divisor
    return tuple(Bin(int(n), float(c), float(a)) for n, c, a in zip(counts, sure, right, strict=True))


def expected_calibration_error(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """Return how far confidence and accuracy are apart, in [0, 1], over the bins of `reliability`.

    Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    return sum(
        one.photos / len(confidence) * abs(one.confidence - one.accuracy) for one in reliability(confidence, correct)
    )


def kept(confidence: NDArray[np.float32], correct: NDArray[np.bool_], threshold: float) -> CoveragePoint:
    """Return what is left at `threshold`."""
    sure = confidence >= threshold
    return CoveragePoint(threshold, float(sure.mean()), float(correct[sure].mean()) if sure.any() else None)


def rejection_curve(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[CoveragePoint, ...]:
    """Return what is left at every threshold that makes a difference, lowest first; 0 keeps all."""
    return tuple(kept(confidence, correct, float(threshold)) for threshold in np.unique([0, *confidence]))
