"""The regression reaches scikit-learn's minimum, and the search ends at the minimum of a function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edge_cls_tools.training.lbfgs import Point, minimized
from edge_cls_tools.training.softmax_regression import SoftmaxRegression


@pytest.mark.parametrize("c", [0.01, 0.3, 10.0])
def test_it_is_the_regression_of_scikit_learn(c: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    features = (rng.normal(size=(90, 12)) + np.eye(3, 12)[labels]).astype(np.float32)
    weights = np.array([1.0, 0.5, 3.0])[labels]
    kernel, bias = SoftmaxRegression(features, labels, weights, 3).fit(c)
    theirs = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(features, labels, sample_weight=weights)
    powers = np.exp(features @ kernel + bias)
    ours = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, theirs.predict_proba(features), atol=0.02)


def test_it_goes_on_from_the_last_fit() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 40)
    features = rng.normal(size=(40, 5)).astype(np.float32)
    regression = SoftmaxRegression(features, labels, np.ones(40), 2)
    first = regression.fit(1.0)
    again = regression.fit(1.0)
    np.testing.assert_array_equal(first[0], again[0])


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(1, 1000))
def test_the_minimum_of_a_paraboloid_is_found(seed: int, size: int, condition: float) -> None:
    rng = np.random.default_rng(seed)
    curvatures = np.geomspace(1, condition, size).astype(np.float32)
    minimum = rng.normal(size=size).astype(np.float32)

    def paraboloid(point: Point) -> tuple[float, Point]:
        gradient = curvatures * (point - minimum)
        return float(gradient @ (point - minimum)) / 2, gradient

    found = minimized(paraboloid, np.zeros(size, np.float32), tolerance=1e-3, iterations=300)
    assert np.abs(paraboloid(found)[1]).max() <= 1e-3


def test_a_search_that_may_take_no_step_returns_its_start() -> None:
    start = np.ones(3, np.float32)
    found = minimized(lambda point: (float(point @ point), 2 * point), start, tolerance=1e-3, iterations=0)
    np.testing.assert_array_equal(found, start)


def test_a_function_without_finite_values_ends_the_search() -> None:
    start = np.ones(2, np.float32)
    found = minimized(lambda point: (np.nan, np.full_like(point, np.nan)), start, tolerance=1e-3, iterations=9)
    np.testing.assert_array_equal(found, start)
