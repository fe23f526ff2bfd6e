"""The linear classifier of taught examples, compared with brute force."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning import linear
from edge_cls.learning.heads.calibration import probabilities
from edge_cls.learning.heads.examples import Examples
from edge_cls.learning.linear import fit_linear

Array = NDArray[np.float64]


def taught(rows: NDArray[np.int8], labels: Sequence[str]) -> Examples:
    examples = Examples()
    for row, label in zip(rows, labels, strict=True):
        examples.append(QuantizedVector(row, 0.02, 0), label)
    return examples


def clusters(counts: Sequence[int], *, dim: int = 24, noise: float = 30, seed: int = 0) -> Examples:
    """Return `counts` examples of each class around its own centre."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-100, 100, (len(counts), dim))
    labels = [number for number, count in enumerate(counts) for _ in range(count)]
    rows = np.clip(centres[labels] + rng.normal(0, noise, (len(labels), dim)), -128, 127).astype(np.int8)
    return taught(rows, [f"class {number}" for number in labels])


def ridge(rows: Array, one_hot: Array, weights: Array, strength: float) -> tuple[Array, Array]:
    """Return kernel and bias of the weighted ridge regression, by least squares."""
    root = np.sqrt(weights)[:, None]
    mean = (weights @ rows) / weights.sum()
    target = (weights @ one_hot) / weights.sum()
    system = np.vstack([(rows - mean) * root, np.sqrt(strength) * np.eye(rows.shape[1])])
    wanted = np.vstack([(one_hot - target) * root, np.zeros((rows.shape[1], one_hot.shape[1]))])
    kernel = np.linalg.lstsq(system, wanted, rcond=None)[0]
    return kernel, target - mean @ kernel


def softmax(logits: NDArray[np.floating]) -> Array:
    return probabilities(np.asarray(logits, np.float64), 1.0)


def units(examples: Examples) -> Array:
    return examples.units(np.arange(len(examples))).astype(np.float64)


@given(st.integers(0, 1000), st.lists(st.integers(2, 9), min_size=2, max_size=5))
def test_leaving_out_equals_fitting_the_others(seed: int, counts: list[int]) -> None:
    examples = clusters(counts, seed=seed)
    rows, one_hot, weights = units(examples), examples.one_hot(), linear._weights(examples)
    scores = linear._leave_one_out(examples, 0.2)
    for group in examples.groups():
        others = np.setdiff1d(np.arange(len(examples)), group)
        kernel, bias = ridge(rows[others], one_hot[others], weights[others], 0.2)
        expected = rows[group] @ kernel + bias
        finite = np.isfinite(scores[group])
        np.testing.assert_allclose(scores[group][finite], expected[finite], atol=1e-5)


@pytest.mark.parametrize("fitted", [linear._fitted, linear._by_normal_equations], ids=["dual", "primal"])
def test_the_solution_is_that_of_least_squares_in_which_classes_count_the_same(
    fitted: Callable[[Examples, float], tuple[Array, Array]],
) -> None:
    examples = clusters([3, 20, 7])
    weights = linear._weights(examples)
    np.testing.assert_allclose([weights[examples.targets == one].sum() for one in range(3)], 10)
    kernel, bias = fitted(examples, 0.2)
    expected = ridge(units(examples), examples.one_hot(), weights, 0.2)
    np.testing.assert_allclose(kernel, expected[0], atol=1e-6)
    np.testing.assert_allclose(bias, expected[1], atol=1e-6)


def test_separate_classes_are_recognised() -> None:
    examples = clusters([5, 9, 6, 4])
    head = fit_linear(examples)
    logits = examples.vectors.rows() @ head.kernel + head.bias
    assert logits.argmax(axis=1).tolist() == examples.targets.tolist()
    assert head.left_out.accuracy == 1
    assert head.logits[0] <= logits.max(axis=1).min() + 1e-4
    assert head.logits[1] >= logits.max() - 1e-4


def test_probabilities_are_as_sure_as_they_are_right() -> None:
    # Two classes of the same centre cannot be told apart, so that probabilities near 1 would be wrong.
    rng = np.random.default_rng(0)
    rows = rng.integers(-128, 128, (60, 24)).astype(np.int8)
    head = fit_linear(taught(rows, ["a", "b"] * 30))
    assert abs(head.left_out.confidences.mean() - 0.5) < 0.1
    assert fit_linear(clusters([30, 30])).left_out.confidences.mean() > 0.95


def test_a_small_class_is_not_swallowed_by_a_large_one() -> None:
    rng = np.random.default_rng(3)
    centres = rng.uniform(-40, 40, (2, 24))
    labels = [0] * 4 + [1] * 100
    rows = np.clip(centres[labels] + rng.normal(0, 45, (104, 24)), -128, 127).astype(np.int8)
    examples = taught(rows, [f"class {one}" for one in labels])
    head = fit_linear(examples)
    fresh = np.clip(centres[0] + rng.normal(0, 45, (200, 24)), -128, 127)
    logits = fresh * 0.02 @ head.kernel + head.bias
    assert (logits.argmax(axis=1) == 0).mean() > 0.6


def test_near_duplicates_are_left_out_together() -> None:
    rng = np.random.default_rng(0)
    row = rng.integers(-128, 128, (1, 24)).astype(np.int8)
    others = rng.integers(-128, 128, (8, 24)).astype(np.int8)
    # The frames of one held button: without each other they are not known.
    head = fit_linear(taught(np.vstack([np.repeat(row, 6, axis=0), others]), ["held"] * 6 + ["b"] * 4 + ["c"] * 4))
    assert len(head.left_out.targets) == 8


def test_without_examples_to_leave_out_the_defaults_are_used() -> None:
    head = fit_linear(clusters([1, 1, 1]))
    assert head.left_out.accuracy is None
    assert head.left_out.confidences.shape == (0,)
    assert (head.strength, head.temperature) == (linear.STRENGTHS[0], 0.1)
    assert np.isfinite(head.kernel).all()


def test_a_zero_vector_and_equal_classes_give_finite_numbers() -> None:
    rows = np.zeros((4, 6), np.int8)
    head = fit_linear(taught(rows, ["a", "b", "a", "b"]))
    assert np.isfinite(head.kernel).all()
    assert np.isfinite(head.logits).all()


def test_above_the_limit_all_examples_are_fitted_and_a_sample_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = clusters([40, 30])
    whole = fit_linear(examples)
    monkeypatch.setattr(linear, "LIMIT", 20)
    sampled = fit_linear(examples)
    assert len(sampled.left_out.targets) == 20
    logits, rows = examples.vectors.rows() @ sampled.kernel + sampled.bias, examples.vectors.rows()
    assert logits.argmax(axis=1).tolist() == examples.targets.tolist()
    np.testing.assert_allclose(softmax(logits), softmax(rows @ whole.kernel + whole.bias), atol=0.2)
