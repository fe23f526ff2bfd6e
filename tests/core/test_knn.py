"""The k-nearest-neighbour head, against brute force in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_cls.core.heads.knn import KNN, Metric

METRICS: tuple[Metric, ...] = ("cosine", "euclidean", "manhattan")
SIZES = st.tuples(st.integers(2, 40), st.integers(1, 12))
# int8, as embeddings are: zeros, copies and opposites come up often.
CLOUDS = SIZES.flatmap(lambda size: arrays(np.int8, size)).map(lambda cloud: cloud.astype(np.float32) / 16)
VOTES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.75])), min_size=1)


def brute_force(known: NDArray[np.float32], query: NDArray[np.float32], metric: Metric) -> list[float]:
    distances = []
    for row in known.astype(np.float64):
        difference = row - query.astype(np.float64)
        if metric == "euclidean":
            distances.append(float(np.sqrt(sum(difference**2))))
        elif metric == "manhattan":
            distances.append(float(sum(abs(difference))))
        else:
            lengths = np.sqrt(sum(row**2) * sum(query.astype(np.float64) ** 2))
            distances.append(1.0 - float(sum(row * query)) / lengths if lengths else 1.0)
    return distances


def head_of(vectors: NDArray[np.float32], labels: str, *, k: int = 3, metric: Metric = "cosine") -> KNN:
    head = KNN(k, metric)
    for vector, label in zip(vectors, labels, strict=True):
        head.add(vector, label)
    return head


@pytest.mark.parametrize("metric", METRICS)
@given(cloud=CLOUDS)
def test_distances_are_those_of_brute_force(metric: Metric, cloud: NDArray[np.float32]) -> None:
    known, query = cloud[:-1], cloud[-1]
    distances = head_of(known, "x" * len(known), metric=metric).distances(query)
    assert distances.dtype == np.float32
    assert distances.min() >= 0
    np.testing.assert_allclose(distances, brute_force(known, query, metric), rtol=1e-5, atol=1e-6)


@given(VOTES, st.integers(1, 60))
def test_votes_are_those_of_brute_force_and_their_shares_sum_to_1(examples: list[tuple[str, float]], k: int) -> None:
    head = head_of(np.ones((len(examples), 2), np.float32), "".join(label for label, _ in examples), k=k)
    nearest = sorted(examples, key=lambda example: example[1])[:k]
    expected = dict.fromkeys((label for label, _ in examples), 0.0)
    for label, distance in nearest:
        expected[label] += 1 / (distance + 1e-6)
    total = sum(expected.values())

    votes = head.predict(np.array([distance for _, distance in examples], np.float32))
    assert votes == pytest.approx({label: weight / total for label, weight in expected.items()})
    assert sum(votes.values()) == pytest.approx(1)


def test_k_may_be_larger_than_the_number_of_examples() -> None:
    head = head_of(np.eye(2, dtype=np.float32), "ab", k=5)
    assert head.predict(np.array([0.5, 0.5], np.float32)) == pytest.approx({"a": 0.5, "b": 0.5})


def test_only_the_k_nearest_vote() -> None:
    head = head_of(np.ones((4, 1), np.float32), "abbb", k=1)
    assert head.predict(np.array([0.1, 0.2, 0.2, 0.2], np.float32)) == {"a": 1.0, "b": 0.0}


def test_a_nearer_example_outvotes_two_farther_ones() -> None:
    head = head_of(np.ones((3, 1), np.float32), "abb", k=3)
    assert head.predict(np.array([0.1, 0.4, 0.4], np.float32)) == pytest.approx({"a": 2 / 3, "b": 1 / 3}, rel=1e-4)


def test_a_tie_goes_to_the_example_that_was_added_first() -> None:
    head = head_of(np.ones((1000, 1), np.float32), "ab" + "a" * 998, k=1)
    assert head.predict(np.where(np.arange(1000) % 3, 0.5, 0.75).astype(np.float32))["b"] == 1.0


def test_a_head_without_examples_has_no_distances_and_no_votes() -> None:
    head = KNN()
    assert head.distances(np.ones(3, np.float32)).shape == (0,)
    assert head.predict(head.distances(np.ones(3, np.float32))) == {}


@pytest.mark.parametrize("metric", METRICS)
def test_an_example_is_its_own_copy(metric: Metric) -> None:
    head, vector = KNN(metric=metric), np.array([1, 2, 3], np.float32)
    head.add(vector, "a")
    before = head.distances(np.array([3, 2, 1], np.float32))
    vector[:] = 9
    np.testing.assert_array_equal(head.distances(np.array([3, 2, 1], np.float32)), before)


def test_a_vector_of_another_dimension_is_refused() -> None:
    head = head_of(np.ones((1, 3), np.float32), "a")
    with pytest.raises(ValueError, match="dimension 2 among vectors of 3"):
        head.add(np.ones(2, np.float32), "b")
    with pytest.raises(ValueError, match="dimension 4 among vectors of 3"):
        head.distances(np.ones(4, np.float32))
    assert list(head.labels) == ["a"]


def test_k_must_be_at_least_1() -> None:
    with pytest.raises(ValueError, match="k is 0, and must be at least 1"):
        KNN(0)
