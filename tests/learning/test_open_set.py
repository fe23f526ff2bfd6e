"""Open-set rejection: closed forms against refitting, the false accept rate on random clusters, and few examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.core.bank import Bank
from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.labels import BACKGROUND
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.learning.gaussian_process import EXPLAINED, MIN_FAMILIARITY, NOISE, OTHER_CLASSES
from edge_cls.learning.heads.examples import HOLD_DISTANCE, NEAR_DUPLICATE
from edge_cls.learning.learner import Learner
from edge_cls.learning.open_set import KERNEL_WIDTH, MAX_EXAMPLES, UNKNOWN_DISTANCE, Negatives, OpenSet
from edge_cls.learning.threshold import SINGLE_PHOTOS

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


def open_set(
    vectors: Array,
    labels: list[str],
    bank: Array | None = None,
    *,
    false_accept: float = 0.05,
    unknown_distance: float = UNKNOWN_DISTANCE,
) -> OpenSet:
    """Return the open set of `vectors`; vectors of one class closer than 0.01 are one view."""
    targets = np.unique(labels, return_inverse=True)[1]
    cosines = vectors @ vectors.T
    first = np.argmax((cosines > 0.99) & (targets[:, None] == targets) | np.eye(len(labels), dtype=bool), axis=1)
    bank = np.empty((0, vectors.shape[1])) if bank is None else bank
    negatives = Negatives(bank @ bank.T, bank @ vectors.T, len(bank))
    return OpenSet(
        cosines,
        targets,
        groups_of(first),
        negatives,
        false_accept=false_accept,
        unknown_distance=unknown_distance,
    )


def kernel(vectors: Array, others: Array) -> Array:
    return np.asarray(np.exp(-(1 - vectors @ others.T) / (KERNEL_WIDTH * UNKNOWN_DISTANCE)))


def brute_force(vectors: Array, labels: list[str], negatives: Array, query: Array) -> Array:
    """Return the familiarity of `query` with each class of `labels`, if the `negatives` are 0: (classes,)."""
    known = np.concatenate((negatives, vectors))
    belongs = np.array([[label == one for one in sorted(set(labels))] for label in labels], float)
    values = np.concatenate((np.zeros((len(negatives), belongs.shape[1])), belongs))

    def solved(seen: Array) -> tuple[Array, float]:
        near = kernel(query[None], seen)[0]
        weights = np.linalg.solve(kernel(seen, seen) + NOISE * np.eye(len(seen)), near)
        return weights, float(near @ weights)

    weights, explained = solved(known)
    explained -= solved(negatives)[1] if len(negatives) else 0.0
    predicted = weights @ values
    others = predicted.sum() - predicted
    return np.asarray(np.log(np.maximum(predicted + OTHER_CLASSES * others + EXPLAINED * explained, MIN_FAMILIARITY)))


def confidence(known: OpenSet, cosines: Array) -> Array:
    """Return the confidence without negatives."""
    return known.confidence(cosines, np.empty((*cosines.shape[:-1], 0)))


@given(LABELS, SEEDS)
def test_familiarity_is_that_of_a_direct_solution(labels: list[str], seed: int) -> None:
    vectors, query, bank = units(len(labels), 6, seed=seed), units(6, seed=seed + 1), units(9, 6, seed=seed + 2)
    known = open_set(vectors, labels, bank)
    if len(set(known.twins)) == len(set(labels)):  # twins are one class
        expected = brute_force(vectors, labels, bank, query).max()
        assert known.familiarity(vectors @ query, bank @ query) == pytest.approx(expected, abs=1e-3)


@given(LABELS, SEEDS)
def test_leaving_out_in_closed_form_is_leaving_out_by_refitting(labels: list[str], seed: int) -> None:
    vectors, bank = units(len(labels), 6, seed=seed), units(9, 6, seed=seed + 2)
    groups = np.random.default_rng(seed).integers(0, 4, len(labels))
    known = open_set(vectors, labels, bank)
    left = known._process.left_out(groups_of(groups))
    for row, group in enumerate(groups):
        names = [str(known.twins[sorted(set(labels)).index(label)]) for label in labels]
        kept = groups != group
        classes = sorted(set(names))
        for seen_label in set(np.array(names)[kept]):
            remaining = [name for name, keep in zip(names, kept, strict=True) if keep]
            expected = brute_force(vectors[kept], remaining, bank, vectors[row])
            found = left[row, classes.index(str(seen_label))]
            assert found == pytest.approx(expected[sorted(set(remaining)).index(str(seen_label))], abs=1e-5)


@given(LABELS, SEEDS)
def test_the_order_of_the_examples_does_not_matter(labels: list[str], seed: int) -> None:
    vectors, queries = units(len(labels), 6, seed=seed), units(5, 6, seed=seed + 1)
    order = np.random.default_rng(seed).permutation(len(labels))
    first = confidence(open_set(vectors, labels), queries @ vectors.T)
    other = confidence(open_set(vectors[order], [labels[i] for i in order]), queries @ vectors[order].T)
    assert other == pytest.approx(first, abs=1e-6)


@given(LABELS, SEEDS)
def test_confidence_is_a_half_at_the_threshold_and_grows_with_familiarity(labels: list[str], seed: int) -> None:
    vectors, queries = units(len(labels), 6, seed=seed), units(20, 6, seed=seed + 1)
    known = open_set(vectors, labels)
    sure = confidence(known, queries @ vectors.T)
    margin = known.familiarity(queries @ vectors.T, np.empty((20, 0))) - known.threshold
    assert ((sure >= 0) & (sure <= 1)).all()
    assert ((sure >= 0.5) == (margin >= 0)).all()
    assert (np.diff(sure[np.argsort(margin)]) >= 0).all()


@given(LABELS, SEEDS)
def test_asking_for_fewer_false_accepts_never_makes_it_more_credulous(labels: list[str], seed: int) -> None:
    vectors = units(len(labels), 6, seed=seed)
    for bank in (None, units(20, 6, seed=seed + 1)):
        limits = [open_set(vectors, labels, bank, false_accept=rate).threshold for rate in (0.3, 0.2, 0.05, 0.01)]
        assert limits == sorted(limits)


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


@pytest.mark.parametrize(("ways", "shots"), [(1, 5), (2, 1), (3, 5), (10, 5)])
@pytest.mark.parametrize("asked", [0.01, 0.05, 0.2])
def test_not_more_false_accepts_than_requested(asked: float, shots: int, ways: int) -> None:
    accepted = []
    for trial in range(6):
        examples, labels, _, _ = draw(1000 * trial, ways=ways, shots=shots, spread=1.2)
        bank = units(256, 40, seed=1000 * trial + 7)
        known = open_set(examples, labels, bank, false_accept=asked, unknown_distance=0.9)
        quite_other = units(300, 40, seed=1000 * trial + 8)
        accepted.append((known.confidence(quite_other @ examples.T, quite_other @ bank.T) >= 0.5).mean())
    assert np.mean(accepted) <= 1.5 * asked


@pytest.mark.parametrize("ways", [1, 3])
def test_the_requested_rate_is_used_if_nothing_else_can_be_told(ways: int) -> None:
    accepted = []
    for trial in range(12):
        examples, labels, _, _ = draw(1000 * trial, ways=ways, shots=1, spread=1.2)
        bank, quite_other = units(256, 40, seed=1000 * trial + 7), units(300, 40, seed=1000 * trial + 8)
        known = open_set(examples, labels, bank, false_accept=0.2, unknown_distance=0.9)
        accepted.append((known.confidence(quite_other @ examples.T, quite_other @ bank.T) >= 0.5).mean())
    requested = SINGLE_PHOTOS * 0.2
    assert 0.5 * requested < np.mean(accepted) < 1.5 * requested


@pytest.mark.parametrize("ways", [2, 4])
@pytest.mark.parametrize("shots", [2, 5, 12])
def test_known_and_unknown_are_separated_if_there_is_a_gap(ways: int, shots: int) -> None:
    examples, labels, known_familiarity, others = draw(ways + 10 * shots, ways, shots, spread=0.4)
    known = open_set(examples, labels, unknown_distance=1.0)
    assert (confidence(known, known_familiarity @ examples.T) >= 0.5).all()
    assert (confidence(known, others @ examples.T) < 0.5).mean() >= 0.95


def test_with_one_example_near_vectors_are_known_and_vectors_at_unknown_distance_are_not() -> None:
    known = OpenSet(
        np.ones((1, 1)), np.zeros(1, np.intp), [np.arange(1)], Negatives(np.empty((0, 0)), np.empty((0, 1)), 0)
    )
    confidences = confidence(known, np.array([[1.0], [0.95], [0.9], [1 - UNKNOWN_DISTANCE], [0.0], [-1.0]]))
    assert (confidences[:3] > 0.5).all()
    assert (confidences[3:] < 0.5).all()
    assert (np.diff(confidences) <= 0).all()


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
    assert (confidence(known, moved @ examples.T) > 0.5).mean() > 0.95
    assert confidence(known, centers[2] @ examples.T) < 0.5


def test_a_single_class_of_many_looks_is_not_unknown_itself() -> None:
    examples = around(units(40, seed=0), 1.5, 60, seed=1)
    taught, asked = examples[:20], examples[20:]
    assert (confidence(open_set(taught, ["a"] * 20), asked @ taught.T) >= 0.5).mean() > 0.3


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
    assert np.isfinite(known.threshold)
    assert np.isfinite(confidence(known, vectors @ vectors.T)).all()


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


def quantized(vectors: Array) -> list[QuantizedVector]:
    return [quantize_vector(vector, 1.0, 0) for vector in vectors]


def test_the_bank_of_a_backbone_lowers_what_is_let_in() -> None:
    examples, labels, _, _ = draw(7, ways=1, shots=3, spread=1.0)
    other = around(units(40, seed=99), 1.2, 60, seed=5)
    taught = labeled_embeddings(examples, labels)
    known = []
    for bank in (Bank(units(100, 40, seed=5).astype(np.float32)), Bank(other[:30].astype(np.float32))):
        learner = Learner(bank=bank)
        learner.fit(taught)
        known.append(np.mean([not learner.predict(one).unknown for one in quantized(other[30:])]))
    assert known[1] <= known[0]
    assert known[1] < 0.1


def test_what_looks_like_the_background_is_never_unknown_and_never_a_class() -> None:
    empty, mug, thing = units(3, 40, seed=0)
    taught = np.concatenate([around(mug, 0.3, 5, seed=1), around(empty, 0.3, 5, seed=2)])
    learner = Learner(unknown_distance=0.9)
    learner.fit(labeled_embeddings(taught, ["mug"] * 5 + [BACKGROUND] * 5))
    for embedding in quantized(around(empty, 0.3, 10, seed=3)):
        prediction = learner.predict(embedding)
        assert max(prediction.scores, key=prediction.scores.__getitem__) == BACKGROUND
        assert not prediction.unknown
    # Something that stands in the empty place is nearer to it than to any class, but it is not one of these.
    beside = quantized(around(empty + 0.9 * thing, 0.3, 10, seed=4))
    assert all(max(one.scores, key=one.scores.__getitem__) == BACKGROUND for one in map(learner.predict, beside))
    without = Learner(unknown_distance=0.9)
    without.fit(labeled_embeddings(taught[:5], ["mug"] * 5))
    assert without.predict(quantized(empty[None])[0]).known < 0.5


def test_the_background_alone_knows_no_class() -> None:
    learner = Learner()
    learner.fit(labeled_embeddings(units(2, 40, seed=0), [BACKGROUND] * 2))
    prediction = learner.predict(quantized(units(1, 40, seed=1))[0])
    assert prediction.scores == {BACKGROUND: 1.0}
    assert not prediction.unknown


def test_frames_of_one_hold_are_one_view_even_with_a_noisy_sensor() -> None:
    frames = around(units(40, seed=0), 0.21, 4, seed=1)
    distances = 1 - (frames @ frames.T)[np.triu_indices(4, 1)]
    assert NEAR_DUPLICATE < np.median(distances) < distances.max() < HOLD_DISTANCE
    learner = Learner(unknown_distance=1.0)
    for gap, one_view in ((0.4, True), (60.0, False)):
        learner.fit(
            LabeledEmbedding(str(number), "mug", embedding, taught_at=1.7e9 + gap * number)
            for number, embedding in enumerate(quantized(frames))
        )
        assert (len(learner._examples.groups()) == 1) == one_view
