"""Temperature scaling removes over- and underconfidence, and never leads to full certainty."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.model.temperature import with_temperature
from edge_cls_tools.quantization.temperature import HALF_STEP, RANGE, fit_temperature


def negative_log_likelihood(probabilities: NDArray[np.float64], truth: NDArray[np.int64], temperature: float) -> float:
    """Return the loss that the docstring of `fit_temperature` describes."""
    count, classes = probabilities.shape
    targets = np.full((count, classes), 1 / (count + 2) / (classes - 1))
    targets[np.arange(count), truth] = 1 - 1 / (count + 2)
    powers = probabilities ** (1 / temperature)
    scaled = np.maximum(powers / powers.sum(axis=1, keepdims=True), HALF_STEP)
    return float(-(targets * np.log(scaled)).sum())


@pytest.mark.parametrize("applied", [0.5, 1.0, 2.0])
def test_a_known_temperature_is_found(applied: float) -> None:
    rng = np.random.default_rng(0)
    calibrated = rng.dirichlet((0.6, 0.6, 0.6), 4000).astype(np.float32)
    truth = (calibrated.cumsum(axis=1) < rng.uniform(size=(4000, 1))).sum(axis=1).clip(max=2)
    found = fit_temperature(with_temperature(calibrated, 1 / applied), truth)
    assert found == pytest.approx(applied, rel=0.1)


def test_three_correct_predictions_do_not_give_certainty() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], np.float32)
    temperature = fit_temperature(probabilities, np.array([0, 1, 0]))
    assert with_temperature(probabilities, temperature).max() < 0.9


def test_probabilities_below_the_int8_step_do_not_bias_the_temperature() -> None:
    """Most of 81 classes have a probability below half a step of int8, which must not lower the temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1500, 81)) * 2.5
    calibrated = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (calibrated.cumsum(axis=1) < rng.uniform(size=(1500, 1))).sum(axis=1)
    int8 = (np.rint(calibrated * 256) / 256).astype(np.float32)
    assert (int8 == 0).mean() > 0.5
    temperature = fit_temperature(int8, truth)
    confidences = with_temperature(int8, temperature).max(axis=1)
    correct = int8.argmax(axis=1) == truth
    assert abs(float(confidences.mean()) - float(correct.mean())) < 0.02


def test_the_best_of_several_minima_is_found() -> None:
    """The smallest probability that counts is half a step of int8, so that the likelihood has several maxima."""
    rng = np.random.default_rng(30)
    logits = rng.normal(size=(12, 3)) * 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.where(rng.uniform(size=12) < 0.85, probabilities.argmax(axis=1), rng.integers(0, 3, 12))
    found = fit_temperature(probabilities.astype(np.float32), truth)
    others = np.geomspace(*RANGE, 200)
    losses = [negative_log_likelihood(probabilities, truth, temperature) for temperature in (found, *others)]
    assert losses[0] <= min(losses) + 1e-3
