"""The head is as accurate as scikit-learn's logistic regression; balanced weights help rare classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edge_cls_tools.training.head import balanced_weights, fit_head

Set = tuple[NDArray[np.float32], NDArray[np.int64]]


def clusters(counts: list[int], seed: int, spread: float = 2.0) -> Set:
    """Return sparse embeddings of 40 features, some much stronger than others, around one centre per class."""
    centers = np.random.default_rng(0).uniform(0, 2, (len(counts), 40))
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    vectors = np.maximum(centers[labels] + rng.normal(0, spread, (len(labels), 40)), 0) * np.geomspace(0.3, 2, 40)
    return vectors.astype(np.float32), labels


def accuracy(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_as_good_as_the_best_logistic_regression(classes: int) -> None:
    train, validation, test = (clusters([60] * classes, seed) for seed in (1, 2, 3))
    tried: list[int] = []
    head = fit_head(train, validation, np.ones(classes), progress=lambda count, _: tried.append(count))
    ours = accuracy(head.probabilities(test[0]), test[1])
    theirs = max(
        accuracy(LogisticRegression(C=c, max_iter=5000).fit(*train).predict_proba(test[0]), test[1])
        for c in (1e-3, 1e-2, 1e-1, 1.0)
    )
    assert ours >= theirs - 0.02
    assert ours > 1.5 / classes
    assert tried == list(range(1, len(tried) + 1))


def test_it_is_the_same_every_time() -> None:
    train, validation = clusters([40, 40, 40], 1), clusters([20, 20, 20], 2)
    first, second = (fit_head(train, validation, np.ones(3), progress=lambda *_: None) for _ in range(2))
    np.testing.assert_array_equal(first.kernel, second.kernel)
    np.testing.assert_array_equal(first.bias, second.bias)


def test_with_balanced_weights_a_rare_class_is_found_more_often() -> None:
    train, validation, test = clusters([300, 12], 1, 4.0), clusters([150, 6], 2, 4.0), clusters([200, 200], 3, 4.0)
    plain, fair = (
        fit_head(train, validation, weights, progress=lambda *_: None)
        for weights in (np.ones(2), balanced_weights(train[1], 2))
    )
    rare = test[0][test[1] == 1]
    found = [float((head.probabilities(rare).argmax(axis=1) == 1).mean()) for head in (plain, fair)]
    assert found[1] > found[0] + 0.05


def test_constant_embeddings_still_give_a_head() -> None:
    embeddings, labels = np.zeros((6, 4), np.float32), np.array([0, 1, 2, 0, 1, 2])
    head = fit_head((embeddings, labels), (embeddings, labels), np.ones(3), progress=lambda *_: None)
    np.testing.assert_allclose(head.probabilities(embeddings), 1 / 3, atol=1e-3)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6))
def test_with_balanced_weights_every_class_counts_the_same(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    weights = balanced_weights(labels, len(counts))
    np.testing.assert_allclose(weights * counts, len(labels) / len(counts))
    assert weights[labels].mean() == pytest.approx(1)
