"""The rates by leaving out: by refitting without what is left out, and the words for them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.labels import BACKGROUND
from edge_cls.core.quantization import quantize_vector
from edge_cls.learning.advice import wrong_rates
from edge_cls.learning.gaussian_process import GaussianProcess
from edge_cls.learning.learner import Learner
from edge_cls.learning.open_set import KERNEL_WIDTH, UNKNOWN_DISTANCE, Negatives, OpenSet
from edge_cls.learning.threshold import MEASURABLE, Rates

Array = NDArray[np.float64]


def photos(*counts: int, seed: int, spread: float = 1.0) -> tuple[Array, NDArray[np.intp]]:
    """Return photos of as many classes as there are `counts`, and the class of each."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(len(counts)), counts)
    vectors = (rng.normal(size=(len(counts), 12)) + 0.5)[targets] + spread * rng.normal(size=(len(targets), 12))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), targets.astype(np.intp)


def kernel(vectors: Array, others: Array) -> Array:
    return np.asarray(np.exp((vectors @ others.T - 1) / (KERNEL_WIDTH * UNKNOWN_DISTANCE)))


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_rates_are_those_of_fitting_without_what_is_left_out(seed: int) -> None:
    (vectors, targets), (bank, _) = photos(12, 5, 1, 8, seed=seed), photos(20, seed=seed + 50)
    known = OpenSet(
        vectors @ vectors.T,
        targets,
        [np.array([row]) for row in range(len(targets))],
        Negatives(bank @ bank.T, bank @ vectors.T, len(bank)),
    )
    assert len(set(known.twins)) == 4  # no twins with these seeds

    def is_known(rows: NDArray[np.intp], asked: NDArray[np.intp]) -> float:
        """Return the share of the examples `asked` that are known by the examples `rows`."""
        kept, members = vectors[rows], np.asarray(targets[rows, None] == np.unique(targets[rows]), np.float64)
        process = GaussianProcess(kernel(kept, kept), kernel(bank, bank), kernel(bank, kept), members)
        familiarity = process.familiarity(kernel(vectors[asked], kept), kernel(vectors[asked], bank)).max(axis=1)
        return float((familiarity >= known.threshold).mean())

    every, several = np.arange(len(targets)), [0, 1, 3]
    own = [
        [is_known(np.delete(every, row), np.array([row])) for row in np.flatnonzero(targets == one)] for one in several
    ]
    similar = [is_known(np.flatnonzero(targets != one), np.flatnonzero(targets == one)) for one in range(4)]
    assert known.rates.own_unknown == pytest.approx(1 - np.mean([np.mean(of) for of in own]))
    assert known.rates.similar_known == pytest.approx(np.mean(similar))
    assert 0 < np.mean(similar) < 1


def learner(vectors: Array, labels: list[str], *, closed_set: bool = False) -> Learner:
    learner = Learner(head="knn", closed_set=closed_set)
    learner.fit(
        LabeledEmbedding(str(row), label, quantize_vector(vectors[row], 1.0, 0)) for row, label in enumerate(labels)
    )
    return learner


def test_a_rate_is_given_only_if_there_is_enough_to_leave_out() -> None:
    vectors, _ = photos(MEASURABLE, seed=0)
    assert learner(vectors, ["a"] * (MEASURABLE - 1)).rates() == Rates(None, None)
    one_class = learner(vectors, ["a"] * MEASURABLE).rates()
    assert one_class is not None
    assert one_class.own_unknown is not None
    assert one_class.similar_known is None
    one_view = learner(np.concatenate([vectors[:2]] * 5), ["a", "b"] * 5).rates()
    assert one_view is not None
    assert one_view.own_unknown is None
    assert one_view.similar_known is not None


def test_there_are_no_rates_if_nothing_can_be_unknown_or_known() -> None:
    vectors, _ = photos(MEASURABLE, seed=0)
    assert Learner().rates() is None
    assert learner(vectors, [BACKGROUND] * MEASURABLE).rates() is None
    assert learner(vectors, ["a"] * MEASURABLE, closed_set=True).rates() is None


def test_the_rates_follow_each_change() -> None:
    vectors, _ = photos(MEASURABLE, seed=0)
    changed = learner(vectors, ["a"] * MEASURABLE)
    before = changed.rates()
    changed.remove("0")
    assert changed.rates() == Rates(None, None) != before


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (Rates(None, None), ""),
        (Rates(0.083, None), "of your own frames about 1 in 12 would be unknown"),
        (Rates(0.26, None), "of your own frames about 3 in 10 would be unknown"),
        (Rates(None, 0.39), "of a similar thing that is not taught about 4 in 10 would pass: teach it too"),
        (
            Rates(0.0, 0.0),
            "of your own frames hardly any would be unknown; "
            "of a similar thing that is not taught hardly any would pass",
        ),
    ],
)
def test_the_words_name_what_was_measured(rates: Rates, words: str) -> None:
    assert wrong_rates(rates) == words
