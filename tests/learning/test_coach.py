"""The coach: checks of new examples, and the progress of each class."""

from __future__ import annotations

import numpy as np
import pytest

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.labels import BACKGROUND
from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.coach import (
    ENOUGH,
    advise,
    check_example,
    conflict_between,
    conflicts,
    lacks_background,
    progress,
)
from edge_cls.learning.learner import Learner

SIZE = 48


def vector(center: int, seed: int, *, spread: float = 14.0) -> QuantizedVector:
    """Return an embedding near the corner number `center`."""
    values = np.random.default_rng([center, seed]).normal(0, spread, SIZE)
    values[4 * center : 4 * center + 4] += 100
    return QuantizedVector(values.clip(-127, 127).astype(np.int8), 0.1, 0)


def learner_of(*classes: tuple[str, int, int]) -> Learner:
    """Return a learner of `classes`: each is a label, the corner of its examples, and their number."""
    learner = Learner(unknown_distance=0.9)
    learner.fit(
        LabeledEmbedding(f"{label}{seed}", label, vector(center, seed))
        for label, center, count in classes
        for seed in range(count)
    )
    return learner


def test_the_first_example_of_all_is_new() -> None:
    assert check_example(Learner(), "mug", vector(0, 0)).verdict == "new"


def test_another_view_of_a_known_class_is_new_and_so_is_the_first_of_another_class() -> None:
    learner = learner_of(("mug", 0, 4), ("plant", 1, 4))
    assert check_example(learner, "mug", vector(0, 99)).verdict == "new"
    first = check_example(learner, "lamp", vector(7, 0))
    assert (first.verdict, first.looks_like, first.examples) == ("new", None, ())


def test_a_copy_is_a_duplicate_and_names_its_original() -> None:
    check = check_example(learner_of(("mug", 0, 4), ("plant", 1, 4)), "mug", vector(0, 2))
    assert (check.verdict, check.looks_like) == ("duplicate", None)
    assert check.examples[0].id == "mug2"
    assert check.examples[0].cosine == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("label", ["plant", "lamp"])
def test_an_example_that_looks_like_another_class_is_a_conflict_and_names_its_examples(label: str) -> None:
    check = check_example(learner_of(("mug", 0, 5), ("plant", 1, 5)), label, vector(0, 99))
    assert (check.verdict, check.looks_like) == ("conflict", "mug")
    assert len(check.examples) == 3
    assert {example.label for example in check.examples} == {"mug"}
    assert check.examples[0].cosine >= check.examples[-1].cosine


def test_a_copy_under_another_label_is_a_conflict() -> None:
    check = check_example(learner_of(("mug", 0, 1)), "plant", vector(0, 0))
    assert (check.verdict, check.looks_like) == ("conflict", "mug")


def test_few_examples_are_too_few_and_more_are_enough() -> None:
    few, enough = progress(learner_of(("mug", 0, ENOUGH - 1), ("plant", 1, ENOUGH)))
    assert (few.label, few.examples, str(few)) == ("mug", ENOUGH - 1, "too few")
    assert (enough.label, enough.examples, str(enough), enough.right) == ("plant", ENOUGH, "enough", 1.0)


def test_two_labels_for_one_thing_are_in_conflict_and_both_are_named_once() -> None:
    learner = learner_of(("mug", 0, 6), ("cup", 0, 6), ("plant", 1, 6))
    mug, cup, plant = classes = progress(learner)
    assert (mug.looks_like, cup.looks_like, plant.looks_like) == ("cup", "mug", None)
    assert (str(mug), mug.verdict) == ("looks like cup", "conflict")
    assert mug.right is not None
    assert mug.right < 0.9
    (conflict,) = conflicts(classes, learner)
    assert {conflict.label, conflict.other} == {"mug", "cup"}
    assert (conflict.near, conflict.examples) == (6, 6)
    assert str(conflict) == (
        f"{conflict.other} and {conflict.label} look alike: "
        f"6 of 6 examples of {conflict.label} are as near to {conflict.other}"
    )
    assert len(conflict.ids) == 3
    assert all(identity.startswith(conflict.label) for identity in conflict.ids)


def test_a_second_name_for_one_view_is_a_conflict_although_no_other_view_can_be_left_out() -> None:
    learner = learner_of(("plant", 1, 6))
    for number in range(5):
        learner.add(LabeledEmbedding(f"mug{number}", "mug", vector(0, number, spread=3.0)))
        learner.add(LabeledEmbedding(f"cup{number}", "cup", vector(0, 50 + number, spread=3.0)))
    plant, mug, cup = classes = progress(learner)
    assert (plant.looks_like, mug.looks_like, cup.looks_like) == (None, "cup", "mug")
    (conflict,) = conflicts(classes, learner)
    assert (conflict.near, conflict.examples) == (5, 5)


def test_only_the_examples_that_are_as_near_to_the_other_class_count() -> None:
    learner = learner_of(("mug", 0, 6), ("plant", 1, 6))
    for number in (20, 21):
        learner.add(LabeledEmbedding(f"slip{number}", "plant", vector(0, number)))
    conflict = conflict_between(learner, "plant", "mug")
    assert (conflict.near, conflict.examples, set(conflict.ids[:2])) == (2, 8, {"slip20", "slip21"})
    assert conflict_between(learner, "mug", "plant").near == 6, "each mug has a plant that is as near"


def test_classes_that_differ_have_no_conflict() -> None:
    learner = learner_of(("mug", 0, 6), ("plant", 1, 6))
    assert conflicts(progress(learner), learner) == []
    assert str(conflict_between(learner, "mug", "plant")) == "plant and mug look alike"


def test_with_one_class_there_is_nothing_to_be_confused_with() -> None:
    (mug,) = progress(learner_of(("mug", 0, 6)))
    assert (mug.verdict, mug.right) == ("enough", None)
    assert progress(Learner()) == []


def test_frames_of_a_thing_that_stands_still_count_as_one_and_the_coach_says_to_turn_it() -> None:
    learner = learner_of(("plant", 1, ENOUGH))
    for number in range(30):
        learner.add(LabeledEmbedding(f"still {number}", "mug", vector(0, number, spread=3.0)))
    plant, mug = progress(learner)
    assert (plant.different, str(plant)) == (ENOUGH, "enough")
    assert (mug.examples, mug.different, mug.verdict) == (30, 1, "one view")
    assert str(mug) == "turn it while you hold the button"
    assert advise(learner, "mug") == "turn"


def test_two_frames_of_one_view_are_too_few_to_say_that_the_thing_stands_still() -> None:
    learner = learner_of(("mug", 0, 1))
    learner.add(LabeledEmbedding("again", "mug", vector(0, 0)))
    (mug,) = progress(learner)
    assert (mug.different, mug.verdict, advise(learner, "mug")) == (1, "too few", "more")


def test_the_background_needs_neither_a_number_of_examples_nor_views() -> None:
    learner = learner_of(("mug", 0, ENOUGH), (BACKGROUND, 1, 1))
    for number in range(4):
        learner.add(LabeledEmbedding(f"still {number}", BACKGROUND, vector(1, 0)))
    _, background = progress(learner)
    assert (background.different, background.verdict) == (1, "enough")
    assert advise(learner, BACKGROUND) is None


def test_the_empty_place_is_missing_once_two_classes_are_taught() -> None:
    assert not lacks_background(Learner())
    assert not lacks_background(learner_of(("mug", 0, ENOUGH)))
    learner = learner_of(("mug", 0, ENOUGH), ("plant", 1, ENOUGH - 1))
    assert lacks_background(learner)
    assert (advise(learner, "mug"), advise(learner, "plant")) == ("background", "more")
    learner.add(LabeledEmbedding("empty", BACKGROUND, vector(2, 0)))
    assert not lacks_background(learner)
    assert advise(learner, "mug") == "enough"


def test_numbers_have_no_empty_place() -> None:
    learner = Learner(head="knn-regression")
    learner.fit(LabeledEmbedding(label, label, vector(int(label), 0)) for label in ("1", "2"))
    assert not lacks_background(learner)
