"""Calibration and coverage against sums done by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_cls.model.temperature import with_temperature
from edge_cls_tools.evaluation.metrics import uncalibrated
from edge_cls_tools.evaluation.reliability import (
    BINS,
    CoveragePoint,
    coverage_at,
    expected_calibration_error,
    rejection_curve,
    reliability,
)

confidences = arrays(np.float32, st.integers(1, 50), elements=st.floats(0, 1, width=32))


def answers_to(confidence: np.ndarray) -> np.ndarray:
    return np.random.default_rng(len(confidence)).random(len(confidence)) < 0.5


def test_the_calibration_error_of_certain_errors_is_one() -> None:
    assert expected_calibration_error(np.ones(10, np.float32), np.zeros(10, bool)) == pytest.approx(1.0)


def test_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5], np.float32)
    correct = np.array([1, 1, 1, 0, 1, 0], bool)
    assert expected_calibration_error(confidence, correct) == pytest.approx(4 / 6 * 0.15)


@given(confidences)
def test_bins_contain_every_prediction_once_and_the_error_equals_that_of_a_loop(confidence: np.ndarray) -> None:
    correct = answers_to(confidence)
    bins = reliability(confidence, correct)
    assert len(bins) == BINS
    assert sum(one.photos for one in bins) == len(confidence)
    expected = 0.0
    for index in range(BINS):
        inside = [i for i, c in enumerate(confidence) if min(int(c * np.float32(BINS)), BINS - 1) == index]
        if inside:
            gap = sum(float(confidence[i]) for i in inside) / len(inside) - sum(correct[inside]) / len(inside)
            expected += len(inside) / len(confidence) * abs(gap)
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected, abs=1e-6)
    assert 0 <= expected <= 1 + 1e-6


def test_the_rejection_curve_of_four_predictions() -> None:
    confidence = np.array([0.25, 0.5, 0.5, 1.0], np.float32)
    correct = np.array([0, 0, 1, 1], bool)
    assert rejection_curve(confidence, correct) == (
        CoveragePoint(0.0, 1.0, 0.5),
        CoveragePoint(0.25, 1.0, 0.5),
        CoveragePoint(0.5, 0.75, 2 / 3),
        CoveragePoint(1.0, 0.25, 1.0),
    )
    assert coverage_at(confidence[:3], correct[:3], 0.75) == CoveragePoint(0.75, 0.0, None)


@given(confidences)
def test_a_higher_threshold_keeps_less_and_never_nothing(confidence: np.ndarray) -> None:
    curve = rejection_curve(confidence, answers_to(confidence))
    shares = [one.share for one in curve]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert all(one.accuracy is not None for one in curve)


@given(arrays(np.int16, (4, 6), elements=st.integers(0, 255)), st.floats(0.2, 5.0))
def test_the_raw_probabilities_come_back_from_the_calibrated(steps: np.ndarray, temperature: float) -> None:
    raw = (steps + 1).astype(np.float32)
    raw /= raw.sum(axis=1, keepdims=True)
    assert uncalibrated(with_temperature(raw, temperature), temperature) == pytest.approx(raw, abs=1e-4)
