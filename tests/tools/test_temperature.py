"""The temperature undoes the over- and underconfidence that was put in, and does not believe in perfection."""

from __future__ import annotations

import numpy as np
import pytest

from edge_cls.model.temperature import with_temperature
from edge_cls_tools.quantization.temperature import fit_temperature


@pytest.mark.parametrize("spoilt", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_put_in_is_found(spoilt: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet((0.6, 0.6, 0.6), 4000).astype(np.float32)
    truth = np.array([rng.choice(3, p=row / row.sum()) for row in honest.astype(np.float64)])
    found = fit_temperature(with_temperature(honest, 1 / spoilt), truth)
    assert found == pytest.approx(spoilt, rel=0.1)


def test_three_right_answers_are_no_certainty() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], np.float32)
    temperature = fit_temperature(probabilities, np.array([0, 1, 0]))
    assert with_temperature(probabilities, temperature).max() < 0.9


def test_what_int8_cannot_tell_is_no_doubt() -> None:
    """Of 81 classes nearly all have a probability below half a step of int8; that alone asks for no sharper answers."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 81)) * 2.5
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(81, p=row) for row in honest])
    int8 = (np.rint(honest * 256) / 256).astype(np.float32)
    assert (int8 == 0).mean() > 0.5
    temperature = fit_temperature(int8, truth)
    said = with_temperature(int8, temperature).max(axis=1)
    right = int8.argmax(axis=1) == truth
    assert abs(float(said.mean()) - float(right.mean())) < 0.02
