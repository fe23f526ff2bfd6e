"""The calibration of a classifier's confidence, and its accuracy against coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Bins of a reliability diagram."""


@dataclass(frozen=True)
class Bin:
    """The predictions in one bin of confidence: their number, mean confidence and accuracy."""

    photos: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CoveragePoint:
    """The predictions that are kept if those with a confidence below `threshold` are rejected.

    `share` is the coverage, the kept share of all predictions, in [0, 1]; `accuracy` is that of the kept ones, in
    [0, 1], or None if none is kept.
    """

    threshold: float
    share: float
    accuracy: float | None


def reliability(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return BINS bins of equal width, the lowest confidence first; the values of an empty bin are 0.

    `confidence` is float32 (n,) in [0, 1], `correct` bool (n,).
    """
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(index, minlength=BINS)
    divisor = np.maximum(counts, 1)
    mean = np.bincount(index, weights=confidence, minlength=BINS) / divisor
    accuracy = np.bincount(index, weights=correct, minlength=BINS) / divisor
    return tuple(Bin(int(n), float(c), float(a)) for n, c, a in zip(counts, mean, accuracy, strict=True))


def expected_calibration_error(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """Return the mean difference between confidence and accuracy over the bins of `reliability`, in [0, 1].

    Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    return sum(
        one.photos / len(confidence) * abs(one.confidence - one.accuracy) for one in reliability(confidence, correct)
    )


def coverage_at(confidence: NDArray[np.float32], correct: NDArray[np.bool_], threshold: float) -> CoveragePoint:
    """Return coverage and accuracy at `threshold`."""
    kept = confidence >= threshold
    return CoveragePoint(threshold, float(kept.mean()), float(correct[kept].mean()) if kept.any() else None)


def rejection_curve(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[CoveragePoint, ...]:
    """Return coverage and accuracy at 0 and at each value of `confidence`, the lowest first."""
    return tuple(coverage_at(confidence, correct, float(threshold)) for threshold in np.unique([0, *confidence]))
