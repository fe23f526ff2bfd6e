"""Temperature scaling removes over- and underconfidence, and never leads to full certainty."""

from __future__ import annotations

import numpy as np
import pytest

from edge_cls.model.temperature import with_temperature
from edge_cls_tools.quantization.temperature import fit_temperature


@pytest.mark.parametrize("applied", [0.5, 1.0, 2.0])
def test_a_known_temperature_is_found(applied: float) -> None:
    rng = np.random.default_rng(0)
    calibrated = rng.dirichlet((0.6, 0.6, 0.6), 4000).astype(np.float32)
    truth = np.array([rng.choice(3, p=row / row.sum()) for row in calibrated.astype(np.float64)])
    found = fit_temperature(with_temperature(calibrated, 1 / applied), truth)
    assert found == pytest.approx(applied, rel=0.1)


def test_three_correct_predictions_do_not_give_certainty() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], np.float32)
    temperature = fit_temperature(probabilities, np.array([0, 1, 0]))
    assert with_temperature(probabilities, temperature).max() < 0.9


def test_probabilities_below_the_int8_step_do_not_bias_the_temperature() -> None:
    """Most of 81 classes have a probability below half a step of int8, which must not lower the temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 81)) * 2.5
    calibrated = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(81, p=row) for row in calibrated])
    int8 = (np.rint(calibrated * 256) / 256).astype(np.float32)
    assert (int8 == 0).mean() > 0.5
    temperature = fit_temperature(int8, truth)
    confidences = with_temperature(int8, temperature).max(axis=1)
    correct = int8.argmax(axis=1) == truth
    assert abs(float(confidences.mean()) - float(correct.mean())) < 0.02
