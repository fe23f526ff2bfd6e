"""Open-set rejection: closed forms against refitting, the false accept rate on random clusters, and few examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import stdtrit

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import quantize_vector
from edge_cls.learning.learner import Learner
from edge_cls.learning.open_set import (
    EXPLAINED,
    KERNEL_WIDTH,
    MAX_EXAMPLES,
    MIN_FAMILIARITY,
    NOISE,
    SPREAD,
    SPREAD_WEIGHT,
    UNKNOWN_DISTANCE,
    OpenSet,
)

Array = NDArray[np.float64]
LABELS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=16)
SEEDS = st.integers(0, 2**32 - 1)


def units(*shape: int, seed: int) -> Array:
    vectors = np.random.default_rng(seed).normal(0.3, 1.0, shape)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def around(center: Array, spread: float, count: int, seed: int) -> Array:
    """Return unit vectors about `spread` of a right angle away from `center`, (count, dim)."""
    moved = center + spread * units(count, len(center), seed=seed)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def groups_of(numbers: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


def open_set(vectors: Array, labels: list[str], **options: float) -> OpenSet:
    """Return the open set of `vectors`; vectors of one class closer than 0.01 are one view."""
    targets = np.unique(labels, return_inverse=True)[1]
    cosines = vectors @ vectors.T
    first = np.argmax((cosines > 0.99) & (targets[:, None] == targets) | np.eye(len(labels), dtype=bool), axis=1)
    return OpenSet(cosines, targets, groups_of(first), **options)


def different(vectors: Array, labels: list[str]) -> float:
    """Return the median distance between different objects."""
    apart = [
        1 - one @ other
        for one, its in zip(vectors, labels, strict=True)
        for other, others in zip(vectors, labels, strict=True)
        if its != others
    ]
    classes = len(set(labels))
    return float(((classes - 1) * np.median(apart) + UNKNOWN_DISTANCE) / classes) if apart else UNKNOWN_DISTANCE


def brute_force(vectors: Array, labels: list[str], kept: Array, query: Array) -> Array:
    """Return the familiarity of `query` with only the examples `kept` (n,): (classes,)."""
    names = np.array(labels)
    classes = sorted(set(labels))
    width = different(vectors, labels)
    known = vectors[kept.astype(bool)]
    belongs = np.array([names[kept.astype(bool)] == one for one in classes], float).T
    kernel = np.exp(-(1 - known @ known.T) / (KERNEL_WIDTH * width)) + NOISE * np.eye(len(known))
    near = np.exp(-(1 - known @ query) / (KERNEL_WIDTH * width))
    solved = np.linalg.solve(kernel, near)
    return np.asarray(np.log(np.maximum(solved @ belongs + EXPLAINED * near @ solved, MIN_FAMILIARITY)))


@given(LABELS, SEEDS)
def test_familiarity_is_that_of_a_direct_solution(labels: list[str], seed: int) -> None:
    vectors, query = units(len(labels), 6, seed=seed), units(6, seed=seed + 1)
    expected = brute_force(vectors, labels, np.ones(len(labels)), query)
    assert open_set(vectors, labels).familiarity(vectors @ query) == pytest.approx(expected, abs=1e-6)


@given(LABELS, SEEDS)
def test_leaving_out_in_closed_form_is_leaving_out_by_refitting(labels: list[str], seed: int) -> None:
    vectors = units(len(labels), 6, seed=seed)
    groups = np.random.default_rng(seed).integers(0, 4, len(labels))
    left = open_set(vectors, labels).left_out(groups_of(groups))
    for row, group in enumerate(groups):
        expected = brute_force(vectors, labels, groups != group, vectors[row])
        assert left[row] == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 8), SEEDS, st.sampled_from([0.01, 0.05, 0.3]))
def test_the_threshold_of_single_examples_is_students_prediction_interval_of_the_negatives(
    count: int, seed: int, rate: float
) -> None:
    vectors, labels = units(count, 6, seed=seed), list("abcdefgh"[:count])
    known = open_set(vectors, labels, false_accept=rate)
    unknowns = [float(known.familiarity(np.full(count, 1 - different(vectors, labels))).max())]
    if count > 1:
        left = known.left_out([np.array([row]) for row in range(count)])
        unknowns += [max(np.delete(left[row], row)) for row in range(count)]
    spread = np.var(unknowns[1:]) if count > 1 else 0.0
    freedom = len(unknowns) - 1 + SPREAD_WEIGHT
    deviation = np.sqrt(((len(unknowns) - 1) * spread + SPREAD_WEIGHT * SPREAD**2) / freedom)
    expected = np.mean(unknowns) + stdtrit(freedom, 1 - rate) * deviation * np.sqrt(1 + 1 / len(unknowns))
    assert known.thresholds == pytest.approx(np.full(count, expected), abs=0.02)


@given(LABELS, SEEDS)
def test_the_order_of_the_examples_does_not_matter(labels: list[str], seed: int) -> None:
    vectors, queries = units(len(labels), 6, seed=seed), units(5, 6, seed=seed + 1)
    order = np.random.default_rng(seed).permutation(len(labels))
    first = open_set(vectors, labels).confidence(queries @ vectors.T)
    other = open_set(vectors[order], [labels[i] for i in order]).confidence(queries @ vectors[order].T)
    assert other == pytest.approx(first, abs=1e-6)


@given(LABELS, SEEDS)
def test_confidence_is_a_half_at_the_threshold_and_grows_with_familiarity(labels: list[str], seed: int) -> None:
    vectors, queries = units(len(labels), 6, seed=seed), units(20, 6, seed=seed + 1)
    known = open_set(vectors, labels)
    confidence = known.confidence(queries @ vectors.T)
    margin = (known.familiarity(queries @ vectors.T) - known.thresholds).max(axis=1)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert ((confidence >= 0.5) == (margin >= 0)).all()
    assert (np.diff(confidence[np.argsort(margin)]) >= 0).all()


@given(LABELS, SEEDS)
def test_asking_for_fewer_false_accepts_never_makes_it_more_credulous(labels: list[str], seed: int) -> None:
    vectors = units(len(labels), 6, seed=seed)
    limits = [open_set(vectors, labels, false_accept=rate).thresholds for rate in (0.2, 0.05, 0.01)]
    assert (limits[0] <= limits[1]).all()
    assert (limits[1] <= limits[2]).all()


def draw(seed: int, ways: int, shots: int, spread: float) -> tuple[Array, list[str], Array, Array]:
    """Return examples of clusters, their labels, new members of the same clusters, and members of 30 others."""
    drawn = [
        around(center, spread, shots + 10, seed=10_000 * (index + 1) + seed)
        for index, center in enumerate(units(ways + 30, 40, seed=seed))
    ]
    clusters, others = drawn[:ways], np.concatenate([other[:5] for other in drawn[ways:]])
    labels = [str(one) for one in range(ways) for _ in range(shots)]
    return (
        np.concatenate([cluster[:shots] for cluster in clusters]),
        labels,
        np.concatenate([cluster[shots:] for cluster in clusters]),
        others,
    )


@pytest.mark.parametrize("asked", [0.05, 0.2])
def test_the_false_accept_rate_is_near_the_requested_one(asked: float) -> None:
    accepted = []
    for trial in range(40):
        examples, labels, _, others = draw(1000 * trial, ways=10, shots=5, spread=1.2)
        known = open_set(examples, labels, false_accept=asked)
        accepted.append((known.confidence(others @ examples.T) >= 0.5).mean())
    assert 0.4 * asked < np.mean(accepted) < 1.6 * asked


@pytest.mark.parametrize("ways", [2, 4])
@pytest.mark.parametrize("shots", [2, 5, 12])
def test_known_and_unknown_are_separated_if_there_is_a_gap(ways: int, shots: int) -> None:
    examples, labels, known_familiarity, others = draw(ways + 10 * shots, ways, shots, spread=0.4)
    known = open_set(examples, labels, unknown_distance=1.0)
    assert (known.confidence(known_familiarity @ examples.T) >= 0.5).all()
    assert (known.confidence(others @ examples.T) < 0.5).mean() >= 0.95
    unknowns = np.where(
        np.array(labels)[:, None] == np.unique(labels), -np.inf, known.left_out(groups_of(np.array(labels, int)))
    )
    assert unknowns.max() < known.thresholds.min()
    assert known.thresholds.max() < known.left_out(groups_of(np.arange(len(labels)))).max(axis=1).min()


def test_with_one_example_near_vectors_are_known_and_vectors_at_unknown_distance_are_not() -> None:
    known = OpenSet(np.ones((1, 1)), np.zeros(1, np.intp), [np.arange(1)])
    confidences = known.confidence(np.array([[1.0], [0.95], [0.9], [1 - UNKNOWN_DISTANCE], [0.0], [-1.0]]))
    assert (confidences[:3] > 0.5).all()
    assert (confidences[3:] < 0.5).all()
    assert (np.diff(confidences) < 0).all()


@pytest.mark.parametrize("labels", [["mug"] * 30, ["mug"] * 30 + ["cup"], ["mug"] * 30 + ["cup"] * 30])
def test_many_frames_of_one_view_do_not_make_it_narrow_minded(labels: list[str]) -> None:
    centers = units(3, 40, seed=0)
    centers -= 0.5 * centers[::-1]  # apart from each other
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    examples = np.concatenate(
        [around(centers[int(label == "cup")], 0.02, 1, seed=index) for index, label in enumerate(labels)]
    )
    known = open_set(examples, labels)
    moved = around(centers[0], 0.4, 50, seed=1000)
    assert (1 - moved @ centers[0]).mean() > 10 * (1 - examples[:30] @ centers[0]).mean()
    assert (known.confidence(moved @ examples.T) > 0.5).mean() > 0.95
    assert known.confidence(centers[2] @ examples.T) < 0.5


def test_a_single_class_of_many_looks_is_not_unknown_itself() -> None:
    examples = around(units(40, seed=0), 1.5, 60, seed=1)
    taught, asked = examples[:20], examples[20:]
    assert (open_set(taught, ["a"] * 20).confidence(asked @ taught.T) >= 0.5).mean() > 0.3


def test_a_class_with_enough_examples_has_a_threshold_of_its_own() -> None:
    tight, loose = units(2, 40, seed=3)
    examples = np.concatenate([around(tight, 0.5, 12, seed=1), around(loose, 0.9, 12, seed=2)])
    thresholds = open_set(examples, ["a"] * 12 + ["b"] * 12, unknown_distance=0.9).thresholds
    assert thresholds[0] > thresholds[1]
    few = np.concatenate([examples[:4], examples[12:16]])
    assert len(set(open_set(few, ["a"] * 4 + ["b"] * 4, unknown_distance=0.9).thresholds)) == 1


@pytest.mark.parametrize(
    ("vectors", "labels"),
    [
        (np.zeros((3, 4)), ["a", "b", "b"]),
        (np.ones((6, 4)) / 2, ["a", "b", "a", "b", "c", "c"]),
        (np.ones((40, 4)) / 2, ["a"] * 40),
    ],
)
def test_equal_vectors_and_such_without_direction_give_numbers(vectors: Array, labels: list[str]) -> None:
    known = open_set(vectors, labels)
    assert np.isfinite(known.thresholds).all()
    assert np.isfinite(known.confidence(vectors @ vectors.T)).all()


def labeled_embeddings(vectors: Array, labels: list[str]) -> list[LabeledEmbedding]:
    return [LabeledEmbedding(str(i), label, quantize_vector(vectors[i], 1.0, 0)) for i, label in enumerate(labels)]


def test_a_learner_scores_the_nearest_classes_of_an_unknown() -> None:
    examples, labels, known_familiarity, others = draw(7, ways=4, shots=5, spread=0.4)
    learner = Learner(head="knn", unknown_distance=1.0)
    learner.fit(labeled_embeddings(examples, labels))
    known = [learner.predict(quantize_vector(known_bound, 1.0, 0)) for known_bound in known_familiarity]
    strange = [learner.predict(quantize_vector(other, 1.0, 0)) for other in others]
    assert not any(prediction.unknown for prediction in known)
    assert np.mean([prediction.unknown for prediction in strange]) > 0.95
    assert all(set(prediction.scores) == set("0123") for prediction in strange)
    assert all(abs(sum(prediction.scores.values()) - 1) < 1e-6 for prediction in strange)


def test_the_rejection_follows_each_change() -> None:
    examples, labels, _, _ = draw(7, ways=3, shots=5, spread=0.4)
    taught = labeled_embeddings(examples, labels)
    learner = Learner(head="knn", unknown_distance=1.0)
    learner.fit(taught[:10])
    assert learner.predict(taught[14].embedding).unknown
    for labeled_embedding in taught[10:14]:
        learner.add(labeled_embedding)
    assert not learner.predict(taught[14].embedding).unknown
    for labeled_embedding in taught[10:14]:
        learner.remove(labeled_embedding.id)
    assert learner.predict(taught[14].embedding).unknown


def test_of_very_many_examples_the_open_set_uses_a_sample() -> None:
    centers = units(3, 40, seed=3)
    examples = np.concatenate([around(center, 0.9, MAX_EXAMPLES // 2, seed=i) for i, center in enumerate(centers)])
    labels = [label for label in "abc" for _ in range(MAX_EXAMPLES // 2)]
    learner = Learner(head="knn", unknown_distance=1.0)
    learner.fit(labeled_embeddings(examples, labels))
    predictions = [learner.predict(quantize_vector(one, 1.0, 0)) for one in examples[:: MAX_EXAMPLES // 20]]
    assert np.mean([prediction.unknown for prediction in predictions]) < 0.1
    assert learner.predict(quantize_vector(-centers.mean(axis=0), 1.0, 0)).unknown
