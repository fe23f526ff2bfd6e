"""From which distance on a frame is unknown, against brute force over all pairs of examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.core.openset import OpenSet

STRANGER = 0.8
Examples = list[tuple[str, float]]
# Examples on a line: the distance of two is the difference of their places.
EXAMPLES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400).map(lambda n: n / 256)), max_size=25)


def open_set(examples: Examples) -> OpenSet:
    known, labels, places = OpenSet(STRANGER), list[str](), list[float]()
    for label, place in examples:
        known.add(label, np.abs(np.array(places, np.float32) - np.float32(place)), labels)
        labels.append(label)
        places.append(place)
    return known


def nearest(examples: Examples, *, same: bool) -> NDArray[np.float64]:
    """Return the distance of each example to its nearest of the same class, or of another, where there is one."""
    found = []
    for index, (label, place) in enumerate(examples):
        others = [
            abs(place - other_place)
            for other_index, (other, other_place) in enumerate(examples)
            if other_index != index and (other == label) == same
        ]
        if others:
            found.append(min(others))
    return np.array(found)


def brute_force(examples: Examples) -> float:
    own, other = nearest(examples, same=True), nearest(examples, same=False)
    far_friend = float(np.quantile(own, 0.95)) if len(own) else 0.0
    near_stranger = float(np.quantile(other, 0.05)) if len(other) else max(STRANGER, far_friend)
    return (far_friend + near_stranger) / 2


@given(EXAMPLES)
def test_adding_one_by_one_gives_the_threshold_of_all_pairs(examples: Examples) -> None:
    assert open_set(examples).threshold == pytest.approx(brute_force(examples), rel=1e-6)


@given(EXAMPLES, st.lists(st.floats(0, 2), min_size=2))
def test_confidence_falls_with_the_distance_and_stays_in_0_to_1(examples: Examples, distances: list[float]) -> None:
    known = open_set(examples)
    confidences = [known.confidence(distance) for distance in sorted(distances)]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)


@given(EXAMPLES)
def test_at_the_threshold_confidence_is_a_half(examples: Examples) -> None:
    known = open_set(examples)
    threshold = max(known.threshold, 1e-6)
    assert known.confidence(threshold) == 0.5
    assert known.confidence(threshold * 0.9) > 0.5 > known.confidence(threshold * 1.1)


def test_the_threshold_lies_between_friend_and_stranger() -> None:
    known = open_set([("a", 0.0), ("a", 0.1), ("b", 1.0), ("b", 1.1)])
    assert 0.1 < known.threshold < 0.9
    assert known.confidence(0.1) > 0.9
    assert known.confidence(0.9) < 0.1


@pytest.mark.parametrize(
    ("examples", "threshold"),
    [
        ([], STRANGER / 2),
        ([("a", 0.0)], STRANGER / 2),
        ([("a", 0.0), ("a", 0.2)], (0.2 + STRANGER) / 2),
        ([("a", 0.0), ("a", 0.0)], STRANGER / 2),
        ([("a", 0.0), ("a", 1.5)], 1.5),
        ([("a", 0.0), ("b", 0.5)], 0.25),
        ([("a", 0.0), ("a", 0.1), ("b", 0.6)], (0.1 + 0.5) / 2),
    ],
)
def test_the_threshold_of_few_examples(examples: Examples, threshold: float) -> None:
    assert open_set(examples).threshold == pytest.approx(threshold, rel=1e-3)
