"""Vectors in RAM give the results of brute force in float64, after any additions and removals."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning import vectors as module
from edge_cls.learning.vectors import Metric, Vectors

METRICS: tuple[Metric, ...] = ("cosine", "euclidean", "manhattan")


@st.composite
def clouds(draw: st.DrawFn) -> list[QuantizedVector]:
    """At least two vectors, often with zeros, copies and opposites."""
    size = draw(st.tuples(st.integers(2, 40), st.integers(1, 12)))
    scales = draw(st.lists(st.sampled_from([0.25, 0.02, 3.0]), min_size=size[0], max_size=size[0]))
    zero = draw(st.sampled_from([0, -128, 7]))
    return [QuantizedVector(row, scale, zero) for row, scale in zip(draw(arrays(np.int8, size)), scales, strict=True)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few vectors fill several blocks."""
    monkeypatch.setattr(module, "BLOCK", 8)
    monkeypatch.setattr(module, "CHUNK", 4)


def filled(cloud: list[QuantizedVector]) -> Vectors:
    vectors = Vectors()
    for vector in cloud:
        vectors.append(vector)
    return vectors


def exact(vector: QuantizedVector) -> NDArray[np.float64]:
    return (vector.values.astype(np.float64) - vector.zero_point) * vector.scale


def brute_force(cloud: list[QuantizedVector], query: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    distances = []
    for row in map(exact, cloud):
        if metric == "cosine":
            lengths = np.linalg.norm(row) * np.linalg.norm(query)
            distances.append(1.0 - (row * query).sum() / lengths if lengths else 1.0)
        else:
            difference = row - query
            distances.append(np.linalg.norm(difference) if metric == "euclidean" else abs(difference).sum())
    return np.array(distances, np.float64)


@pytest.mark.parametrize("metric", METRICS)
@given(cloud=clouds())
def test_distances_are_those_of_brute_force(metric: Metric, cloud: list[QuantizedVector]) -> None:
    vectors, query = filled(cloud[:-1]), cloud[-1].dequantize()
    expected = brute_force(cloud[:-1], exact(cloud[-1]), metric)
    distances = vectors.distances(query, metric)
    assert distances.dtype == np.float32
    assert distances.min() >= 0
    # The rounding error grows with the lengths of the two vectors, however close they are.
    size = 1.0 if metric == "cosine" else max(np.abs(exact(vector)).sum() for vector in cloud)
    np.testing.assert_allclose(distances, expected, rtol=2e-5, atol=2e-6 * size)


@given(cloud=clouds())
def test_dots_norms_and_rows_are_those_of_the_given_vectors(cloud: list[QuantizedVector]) -> None:
    vectors, query = filled(cloud), cloud[0].dequantize()
    rows = np.stack([exact(vector) for vector in cloud])
    assert len(vectors) == len(cloud)
    np.testing.assert_allclose(vectors.rows(), rows, rtol=1e-6)
    np.testing.assert_allclose([vectors[index] for index in range(len(cloud))], rows, rtol=1e-6)
    np.testing.assert_allclose(vectors.norms, np.linalg.norm(rows, axis=1), rtol=1e-5)
    size = float(np.abs(rows).sum(axis=1).max() * np.abs(rows).max())
    np.testing.assert_allclose(vectors.dots(query), rows @ exact(cloud[0]), rtol=1e-5, atol=1e-5 * size)


@given(cloud=clouds(), count=st.integers(1, 50))
def test_the_nearest_are_those_of_brute_force_up_to_ties(cloud: list[QuantizedVector], count: int) -> None:
    found, cosines = filled(cloud[:-1]).nearest(cloud[-1].dequantize(), count)
    expected = 1 - brute_force(cloud[:-1], exact(cloud[-1]), "cosine")
    assert len(set(found.tolist())) == len(found) == min(count, len(cloud) - 1)
    best = np.sort(expected)[::-1][: len(found)]
    np.testing.assert_allclose(expected[found], best, atol=2e-6)
    np.testing.assert_allclose(cosines, best, atol=2e-6)


def test_the_nearest_of_many_long_vectors_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    rng = np.random.default_rng(0)
    values = np.minimum(rng.exponential(30, (2500, 1280)), 255) - 128
    cloud = [QuantizedVector(row, 0.02, -128) for row in values.astype(np.int8)]
    vectors = filled(cloud)
    for query in cloud[::500]:
        found, cosines = vectors.nearest(query.dequantize(), 10)
        expected = np.sort(1 - brute_force(cloud, exact(query), "cosine"))[::-1][:10]
        np.testing.assert_allclose(cosines, expected, atol=1e-6)
        assert cloud[found[0]] is query


@given(cloud=clouds(), steps=st.lists(st.integers(-1, 39), max_size=80))
def test_a_removed_vector_is_replaced_by_the_last(cloud: list[QuantizedVector], steps: list[int]) -> None:
    vectors, kept = filled(cloud), list(cloud)
    unused: Iterator[QuantizedVector] = iter(cloud * 3)
    for step in steps:
        if step < 0:
            kept.append(next(unused, cloud[0]))
            vectors.append(kept[-1])
        elif step < len(kept):
            last = kept.pop()
            if step < len(kept):
                kept[step] = last
            vectors.remove(step)
    assert len(vectors) == len(kept)
    rows = np.stack([exact(vector) for vector in kept]) if kept else np.empty((0, 0))
    np.testing.assert_allclose(vectors.rows(), rows, rtol=1e-6)
    expected = brute_force(kept, exact(cloud[0]), "cosine")
    np.testing.assert_allclose(vectors.distances(cloud[0].dequantize(), "cosine"), expected, atol=2e-6)


@given(cloud=clouds(), data=st.data())
def test_taken_vectors_equal_added_ones_and_are_a_copy(cloud: list[QuantizedVector], data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, len(cloud) - 1), unique=True))
    vectors = filled(cloud)
    taken, expected = vectors.take(np.array(indices, np.intp)), filled([cloud[index] for index in indices])
    while len(vectors):
        vectors.remove(0)
    for each in (taken, expected):
        each.append(cloud[0])
    np.testing.assert_array_equal(taken.rows(), expected.rows())
    np.testing.assert_array_equal(taken.norms, expected.norms)


def test_without_vectors_nothing_is_near() -> None:
    vectors, query = Vectors(), np.ones(3, np.float32)
    assert [len(vectors.distances(query, metric)) for metric in METRICS] == [0, 0, 0]
    assert [len(part) for part in vectors.nearest(query, 5)] == [0, 0]
    assert len(vectors.rows()) == len(vectors.norms) == len(vectors) == 0


def test_a_vector_of_another_dimension_is_refused() -> None:
    vectors = filled([QuantizedVector(np.ones(3, np.int8), 1.0, 0)])
    with pytest.raises(ValueError, match="dimension 2, but the others have 3"):
        vectors.append(QuantizedVector(np.ones(2, np.int8), 1.0, 0))
    for metric in METRICS:
        with pytest.raises(ValueError, match="dimension 4, but the others have 3"):
            vectors.distances(np.ones(4, np.float32), metric)
    assert len(vectors) == 1


def test_a_vector_is_its_own_copy() -> None:
    values = np.array([1, 2, 3], np.int8)
    vectors = filled([QuantizedVector(values, 1.0, 0)])
    values[:] = 9
    np.testing.assert_array_equal(vectors.rows(), [[1, 2, 3]])
    vectors.rows()[:] = 9
    np.testing.assert_array_equal(vectors[0], [1, 2, 3])


def test_ten_thousand_take_little_more_than_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    vector = QuantizedVector(np.arange(1280).astype(np.int8), 0.02, -128)
    tracemalloc.start()
    vectors = filled([vector] * 10_240)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(vectors) * 1280 < held < 1.03 * len(vectors) * 1280
    # No temporary copy was as large as all vectors.
    assert peak < held + 2**20
