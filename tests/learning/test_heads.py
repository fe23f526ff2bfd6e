"""The contract of every head, compared with brute force and with fitting from scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.heads import ridge as ridge_module
from edge_cls.learning.heads.centroid import Centroid
from edge_cls.learning.heads.examples import NEAR_DUPLICATE, Examples
from edge_cls.learning.heads.head import Head
from edge_cls.learning.heads.knn import KNN
from edge_cls.learning.heads.ridge import Ridge, fitting_width
from edge_cls.learning.vectors import Metric

Make = Callable[[Examples], Head]
HEADS: dict[str, Make] = {
    "cosine": KNN,
    "euclidean": lambda examples: KNN(examples, 1, "euclidean"),
    "manhattan": lambda examples: KNN(examples, 5, "manhattan"),
    "centroid": Centroid,
    "ridge": Ridge,
}
every_head = pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)
Cloud = tuple[NDArray[np.int8], str]


@st.composite
def clouds(draw: st.DrawFn, most: int = 14) -> Cloud:
    """Return vectors, with zeros and copies among them, and the label of each."""
    count, dim = draw(st.integers(1, most)), draw(st.integers(2, 6))
    values = draw(arrays(np.int8, (count, dim), elements=st.integers(-128, 127)))
    copies = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=4))
    for source, target in copies:
        values[target] = values[source]
    return values, draw(st.text("abc", min_size=count, max_size=count))


def example(values: NDArray[np.int8]) -> QuantizedVector:
    return QuantizedVector(values, 0.25, -128)


def taught(values: NDArray[np.int8], labels: Sequence[str], classes: str = "") -> Examples:
    examples = Examples()
    examples.classes = list(classes)
    for row, label in zip(values, labels, strict=True):
        examples.append(example(row), label)
    return examples


def answers(make: Make, examples: Examples, queries: NDArray[np.int8]) -> NDArray[np.float64]:
    head = make(examples)
    head.fit()
    return ask(head, examples, queries)


def ask(head: Head, examples: Examples, queries: NDArray[np.int8]) -> NDArray[np.float64]:
    return np.stack([head.predict(examples.query(example(row).dequantize())) for row in queries])


def by_label(scores: NDArray[np.float64], examples: Examples) -> NDArray[np.float64]:
    return scores[:, np.argsort(examples.classes)]


@every_head
@given(cloud=clouds(), data=st.data())
def test_adding_and_removing_in_any_order_equals_fitting(make: Make, cloud: Cloud, data: st.DataObject) -> None:
    values, labels = cloud
    examples, kept = Examples(), list[int]()
    head = make(examples)
    head.fit()
    for index in range(len(labels)):
        examples.append(example(values[index]), labels[index])
        head.add()
        kept.append(index)
        if data.draw(st.booleans()):
            ask(head, examples, values[:1])  # an intermediate solution must not be reused after a change
        if len(kept) > 1 and data.draw(st.booleans()):
            gone = data.draw(st.integers(0, len(kept) - 1))
            head.remove(gone)
            examples.remove(gone)
            kept[gone] = kept[-1]
            kept.pop()
    refitted = taught(values[kept], [labels[index] for index in kept])
    ours, theirs = ask(head, examples, values), answers(make, refitted, values)
    np.testing.assert_allclose(by_label(ours, examples), by_label(theirs, refitted), atol=2e-4, rtol=5e-3)


@every_head
@given(cloud=clouds())
def test_leave_one_out_equals_fitting_without_the_example_and_its_near_duplicates(make: Make, cloud: Cloud) -> None:
    values, labels = cloud
    examples = taught(values, labels)
    head = make(examples)
    head.fit()
    left_out = head.leave_one_out()
    assert left_out.shape == (len(labels), len(examples.classes))
    for group in examples.groups():
        kept = np.delete(np.arange(len(labels)), group)
        rest = taught(values[kept], [labels[index] for index in kept])
        known = np.array([examples.classes.index(label) for label in rest.classes], np.intp)
        unknown = np.setdiff1d(np.arange(len(examples.classes)), known)
        assert np.isneginf(left_out[np.ix_(group, unknown)]).all()
        if not len(kept) or (make is Ridge and not same_width(examples, rest)) or has_ties(head, rest, values[group]):
            continue
        expected = answers(make, rest, values[group])
        np.testing.assert_allclose(left_out[np.ix_(group, known)], expected, atol=2e-4, rtol=5e-3)


def has_ties(head: Head, examples: Examples, queries: NDArray[np.int8]) -> bool:
    """Return whether two examples have almost the same distance, so that order or rounding decides which is nearer."""
    if not isinstance(head, KNN):
        return False
    rows = [np.sort(examples.vectors.distances(example(row).dequantize(), head.metric)) for row in queries]
    return any((np.diff(row) < 1e-3).any() for row in rows)


def same_width(one: Examples, other: Examples) -> bool:
    """Return whether the kernel widths are equal: leave-one-out keeps the width of all examples."""
    first, second = (fitting_width(each.cosines, each.targets, 0.5) for each in (one, other))
    return first == second


@every_head
@given(cloud=clouds(), data=st.data())
def test_the_order_of_the_examples_does_not_matter(make: Make, cloud: Cloud, data: st.DataObject) -> None:
    values, labels = cloud
    order = data.draw(st.permutations(range(len(labels))))
    one, other = taught(values, labels), taught(values[order], [labels[index] for index in order])
    queries = np.random.default_rng(0).integers(-128, 128, (3, values.shape[1])).astype(np.int8)
    if has_ties(make(one), one, queries):
        return
    np.testing.assert_allclose(
        by_label(answers(make, one, queries), one), by_label(answers(make, other, queries), other), atol=2e-4, rtol=5e-3
    )


@every_head
@given(cloud=clouds())
def test_scores_are_finite_for_all_examples_and_queries(make: Make, cloud: Cloud) -> None:
    values, labels = cloud
    queries = np.vstack((values, np.full((1, values.shape[1]), -128, np.int8)))  # the last one is the zero vector
    assert np.isfinite(answers(make, taught(values, labels), queries)).all()


@pytest.mark.parametrize("make", [HEADS["cosine"], HEADS["centroid"], HEADS["ridge"]])
def test_the_length_of_a_vector_does_not_matter(make: Make) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(-60, 60, (9, 8)).astype(np.int8)
    one, other = Examples(), Examples()
    for index, row in enumerate(values):
        one.append(QuantizedVector(row, 0.5, 0), "abc"[index % 3])
        other.append(QuantizedVector(row, 0.5 * (index + 1), 0), "abc"[index % 3])
    query = rng.normal(size=8).astype(np.float32)
    scores = []
    for examples, asked in ((one, query), (other, query * 7)):
        head = make(examples)
        head.fit()
        scores.append(head.predict(examples.query(asked)))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


@every_head
def test_distant_classes_are_separated(make: Make) -> None:
    rng = np.random.default_rng(2)
    labels = "abc" * 4
    values = np.clip(90 * np.eye(3, 16)[np.arange(12) % 3] + rng.normal(15, 10, (12, 16)) - 128, -128, 127).astype(
        np.int8
    )
    examples = taught(values, labels)
    head = make(examples)
    head.fit()
    right = ["abc".index(label) for label in labels]
    assert ask(head, examples, values).argmax(axis=1).tolist() == right
    assert head.leave_one_out().argmax(axis=1).tolist() == right


@given(cloud=clouds())
def test_ridge_is_regression_with_weights_of_the_penalty_and_a_free_intercept(cloud: Cloud) -> None:
    """At the minimum of |K a + b - Y|^2 + strength a'K a the gradient is zero."""
    values, labels = cloud
    examples = taught(values, labels)
    units = examples.units(np.arange(len(labels))).astype(np.float64)
    width = fitting_width(examples.cosines, examples.targets, 0.5)
    cosines = units @ units.T
    np.fill_diagonal(cosines, 1)
    kernel = np.exp((cosines - 1) / width)
    centre = np.eye(len(labels)) - 1 / len(labels)
    one_hot = examples.one_hot()
    weights = np.linalg.solve(centre @ kernel @ centre + 0.1 * np.eye(len(labels)), centre @ one_hot)
    intercept = (one_hot - kernel @ weights).mean(axis=0)
    zero = ~units.any(axis=1)
    scores = answers(Ridge, examples, values)
    np.testing.assert_allclose(scores[~zero], (kernel @ weights + intercept)[~zero], atol=1e-4)


def test_a_ridge_of_landmarks_is_the_ridge_where_all_examples_are_landmarks() -> None:
    rng = np.random.default_rng(3)
    values, labels = rng.integers(-128, 128, (40, 16)).astype(np.int8), "abcd" * 10
    examples = taught(values, labels)
    exact = answers(Ridge, examples, values)
    width = fitting_width(examples.cosines, examples.targets, 0.5)
    landmarks = ridge_module.Landmarks(examples, np.arange(40), width)
    landmarks.count_in(np.arange(40))
    weights = landmarks.solve(0.1)
    units = examples.units(np.arange(40))
    np.testing.assert_allclose(
        ridge_module.gaussian(units @ units.T, width) @ weights[:-1] + weights[-1], exact, atol=1e-4
    )


@pytest.fixture
def limit_of_20(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.learning.heads.ridge.LIMIT", 20)
    monkeypatch.setattr("edge_cls.learning.heads.examples.LIMIT", 20)


@pytest.mark.usefixtures("limit_of_20")
@every_head
def test_growing_beyond_the_limit_and_shrinking_loses_nothing(make: Make) -> None:
    rng = np.random.default_rng(4)
    centres = rng.integers(-90, 90, (4, 16))
    values = np.clip(centres[np.arange(60) % 4] + rng.normal(0, 20, (60, 16)), -128, 127).astype(np.int8)
    examples, head = Examples(), None
    head = make(examples)
    head.fit()
    for index in range(60):
        examples.append(example(values[index]), "abcd"[index % 4])
        head.add()
        assert head.predict(examples.query(example(values[index]).dequantize())).argmax() == index % 4
    labels = [examples.classes[target] for target in examples.targets]
    while len(examples) > 12:
        gone = int(rng.integers(len(examples)))
        head.remove(gone)
        examples.remove(gone)
        labels[gone] = labels[-1]
        labels.pop()
        assert [examples.classes[target] for target in examples.targets] == labels
        np.testing.assert_allclose(ask(head, examples, values[:4]).shape, (4, len(examples.classes)))
    rows = np.stack([examples.vectors.quantized(index).values for index in range(12)])
    refitted = taught(rows, labels)
    np.testing.assert_allclose(
        by_label(ask(head, examples, values), examples), by_label(answers(make, refitted, values), refitted), atol=1e-4
    )
    np.testing.assert_allclose(examples.cosines, refitted.cosines, atol=1e-6)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.75])), min_size=1),
    st.integers(1, 60),
)
def test_votes_are_those_of_brute_force(examples: list[tuple[str, float]], k: int) -> None:
    memory = taught(np.ones((len(examples), 2), np.int8), [label for label, _ in examples])
    nearest = sorted(examples, key=lambda one: one[1])[:k]
    expected = dict.fromkeys(memory.classes, 0.0)
    for label, distance in nearest:
        expected[label] += 1 / (distance + 1e-4)
    total = sum(expected.values())
    query = memory.query(np.ones(2, np.float32))
    object.__setattr__(query, "cosines", np.array([1 - distance for _, distance in examples], np.float32))
    votes = KNN(memory, k).votes(query)
    assert votes == pytest.approx([weight / total for weight in expected.values()])


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan"])
def test_only_the_nearest_votes_where_k_is_1(metric: Metric) -> None:
    values = np.array([[10, 0], [0, 10], [1, 10], [2, 10]], np.int8)
    examples = Examples()
    for row, label in zip(values, "abbb", strict=True):
        examples.append(QuantizedVector(row, 1.0, 0), label)
    assert KNN(examples, 1, metric).votes(examples.query(np.array([9, 1], np.float32))).tolist() == [1.0, 0.0]


def test_invalid_hyperparameters_are_refused() -> None:
    with pytest.raises(ValueError, match="k is 0, but must be at least 1"):
        KNN(Examples(), 0)
    with pytest.raises(ValueError, match="strength is 0, but must be above 0"):
        Ridge(Examples(), 0)


def test_near_duplicates_of_one_class_are_grouped_and_those_of_two_classes_are_not() -> None:
    base = np.random.default_rng(5).integers(-100, 100, 64).astype(np.int8)
    frames = np.stack([base, base, base + np.eye(64, dtype=np.int8)[3], -base])
    assert [group.tolist() for group in taught(frames, "aaba").groups()] == [[0, 1], [2], [3]]
    assert [group.tolist() for group in taught(frames, "aaaa").groups()] == [[0, 1, 2], [3]]
    assert 0 < NEAR_DUPLICATE < 0.1


def test_a_sample_is_spread_over_the_classes_and_through_each() -> None:
    examples = taught(np.ones((50, 2), np.int8), "a" * 40 + "b" * 8 + "cc")
    sample = examples.spread(12)
    assert np.bincount(examples.targets[sample]).tolist() == [5, 5, 2]
    assert sample[0] == 0
    assert sample[4] >= 20  # not the first ones only
    subset = examples.subset(sample)
    assert subset.classes == examples.classes
    assert subset.targets.tolist() == examples.targets[sample].tolist()


@pytest.mark.parametrize("limit", [100, 30, 10])
def test_a_subset_equals_examples_of_its_own(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr("edge_cls.learning.heads.examples.LIMIT", limit)
    values = np.random.default_rng(3).integers(-100, 100, (50, 8)).astype(np.int8)
    labels = "abcab" * 10
    chosen = np.array([41, 3, 4, 17, 29, *range(30, 40), 0, 8, 2, 9, 49])
    subset, expected = taught(values, labels).subset(chosen), taught(values[chosen], "".join(labels[i] for i in chosen))
    for round_of_changes in range(2):
        assert [subset.classes[target] for target in subset.targets] == [
            expected.classes[target] for target in expected.targets
        ]
        if len(subset) <= limit:
            np.testing.assert_allclose(subset.cosines, expected.cosines, atol=1e-6)
        if not round_of_changes:
            for each in (subset, expected):
                each.append(QuantizedVector(values[5], 1.0, 0), "d")
                for index in (15, 0, 7, *range(9)):
                    each.remove(index)
