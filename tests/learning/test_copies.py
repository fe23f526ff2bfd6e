"""Copies of examples: a learner learns them, but counts and names only the examples themselves."""

from __future__ import annotations

import numpy as np
import pytest

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.learning.coach import check_example, progress
from edge_cls.learning.learner import Learner


def vector(seed: int) -> QuantizedVector:
    return quantize_vector(np.abs(np.random.default_rng(seed).normal(size=16)), 1.0, 0)


def copy_of(example: LabeledEmbedding, seed: int) -> LabeledEmbedding:
    return LabeledEmbedding(f"{example.id} grey", example.label, vector(seed), copy_of=example.id)


EXAMPLES = [
    LabeledEmbedding(f"{label}{number}", label, vector(10 * number + ord(label)))
    for label in "ab"
    for number in range(3)
]
COPIES = [copy_of(example, 1000 + number) for number, example in enumerate(EXAMPLES)]


@pytest.fixture
def learner() -> Learner:
    learner = Learner()
    learner.fit([*EXAMPLES, *COPIES])
    return learner


def best(learner: Learner, embedding: QuantizedVector) -> tuple[str, bool]:
    prediction = learner.predict(embedding)
    return max(prediction.scores, key=prediction.scores.__getitem__), prediction.unknown


def test_a_copy_is_recognised_as_the_class_of_its_example(learner: Learner) -> None:
    assert [best(learner, copy.embedding) for copy in COPIES] == [(copy.label, False) for copy in COPIES]


def test_a_copy_is_not_counted(learner: Learner) -> None:
    assert len(learner) == 6
    assert learner.ids == [example.id for example in EXAMPLES]
    assert learner.labels == [example.label for example in EXAMPLES]
    assert learner.classes() == {"a": 3, "b": 3}
    assert learner.members("b")[0] == ["b0", "b1", "b2"]
    assert learner.leave_one_out().shape == (6, 2)
    assert [one.examples for one in progress(learner)] == [3, 3]


def test_a_copy_is_named_as_its_example(learner: Learner) -> None:
    nearest = learner.nearest(COPIES[4].embedding, 6)
    assert nearest[0].id == EXAMPLES[4].id
    assert nearest[0].cosine == pytest.approx(1, abs=1e-5)
    assert sorted(one.id for one in nearest) == [example.id for example in EXAMPLES]
    assert check_example(learner, "b", COPIES[4].embedding).examples[0].id == EXAMPLES[4].id


def test_a_copy_is_left_out_with_its_example(learner: Learner) -> None:
    """The head that predicts a left-out example has seen neither it nor its copy."""
    expected = []
    for example in EXAMPLES:
        others = Learner(head="ridge")
        others.fit(one for one in [*EXAMPLES, *COPIES] if example.id not in (one.id, one.copy_of))
        expected.append(best(others, example.embedding)[0])
    fitted = Learner(head="ridge")
    fitted.fit([*EXAMPLES, *COPIES])
    left_out = fitted.leave_one_out()
    assert [["a", "b"][row.argmax()] for row in left_out] == expected
    assert [len(group) for group in learner._examples.groups()] == [2] * 6


def test_a_copy_is_removed_and_relabelled_with_its_example(learner: Learner) -> None:
    learner.remove("a1")
    learner.relabel("b2", "c")
    assert learner.classes() == {"a": 2, "b": 2, "c": 1}
    assert best(learner, COPIES[5].embedding) == ("c", False)
    assert "a1" not in {one.id for one in learner.nearest(COPIES[1].embedding, 6)}
    copied = learner.copy()
    for identity in list(learner.ids):
        learner.remove(identity)
    assert not learner.classes()
    assert copied.classes() == {"a": 2, "b": 2, "c": 1}
    learner.add(EXAMPLES[0])
    assert learner.classes() == {"a": 1}
