"""A temperature changes the probabilities of a model, but never their order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.model.temperature import with_temperature


@given(
    st.lists(st.integers(0, 255), min_size=2, max_size=6).filter(any),
    st.floats(0.2, 5.0),
)
def test_probabilities_sum_to_one_and_keep_their_order(steps: list[int], temperature: float) -> None:
    probabilities = np.array(steps, np.float32) / np.float32(sum(steps))
    scaled = with_temperature(probabilities, temperature)
    assert abs(float(scaled.sum()) - 1) < 1e-5
    assert int(scaled.argmax()) == int(probabilities.argmax())
    order = np.argsort(probabilities, kind="stable")
    assert (np.diff(scaled[order]) >= 0).all()


def test_it_is_the_softmax_of_divided_logits() -> None:
    logits = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
    ours = with_temperature(softmax(logits), 1.7)
    np.testing.assert_allclose(ours, softmax(logits / 1.7), rtol=1e-5)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
