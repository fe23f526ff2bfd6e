"""The learner: examples by identity, and predictions by the requested or selected head."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import ConfigError, LabelError
from edge_cls.learning.heads.calibration import TEMPERATURES, fitted_temperature, losses, probabilities
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.learning.learner import Learner

DIM = 24
every_head = pytest.mark.parametrize("head", HEAD_NAMES)


def embedding(values: NDArray[np.float64]) -> QuantizedVector:
    return QuantizedVector(np.clip(np.rint(values - 128), -128, 127).astype(np.int8), 0.1, -128)


def examples(counts: dict[str, int], spread: float = 50.0, seed: int = 0) -> list[LabeledEmbedding]:
    """Return examples around one centre per class; the labels are numbers, which every head accepts."""
    found = []
    for number, (label, count) in enumerate(counts.items()):
        centre = np.random.default_rng(number).uniform(0, 200, DIM)
        rng = np.random.default_rng([seed, number])
        found += [
            LabeledEmbedding(f"{label}-{i}", label, embedding(np.maximum(centre + rng.normal(0, spread, DIM), 0)))
            for i in range(count)
        ]
    return found


def learnt(taught: list[LabeledEmbedding], head: str = "auto") -> Learner:
    learner = Learner(head=head)
    learner.fit(taught)
    return learner


def best(learner: Learner, example: LabeledEmbedding) -> str:
    scores = learner.predict(example.embedding).scores
    return max(scores, key=scores.__getitem__)


@every_head
def test_adding_one_at_a_time_removing_and_relabelling_is_fitting(head: str) -> None:
    taught = examples({"1": 6, "2": 6, "3": 6})
    learner = learnt(taught[:10], head)
    for example in taught[10:]:
        learner.predict(example.embedding)  # selects a head before the next change
        learner.add(example)
    for gone in ("1-0", "3-5", "2-2"):
        learner.remove(gone)
    learner.relabel("1-3", "2")
    learner.relabel("2-1", "4")
    expected = [one for one in taught if one.id not in ("1-0", "3-5", "2-2")]
    relabelled = {"1-3": "2", "2-1": "4"}
    expected = [LabeledEmbedding(one.id, relabelled.get(one.id, one.label), one.embedding) for one in expected]
    refitted = learnt(expected, head)

    assert len(learner) == len(refitted) == 15
    assert dict(zip(learner.ids, learner.labels, strict=True)) == {one.id: one.label for one in expected}
    assert learner.classes() == refitted.classes() == {"1": 4, "2": 5, "3": 5, "4": 1}
    for query in examples({"1": 3, "2": 3, "3": 3}, seed=1):
        ours, theirs = learner.predict(query.embedding), refitted.predict(query.embedding)
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-3)
        assert ours.unknown == theirs.unknown
        assert ours.value == pytest.approx(theirs.value, abs=1e-3)
    first, second = left_out_by_name(learner), left_out_by_name(refitted)
    assert first.keys() == second.keys()
    for identity, row in first.items():
        np.testing.assert_allclose(row, second[identity], atol=1e-3)


def left_out_by_name(learner: Learner) -> dict[str, NDArray[np.float64]]:
    """Return the leave-one-out predictions by the example's identity, with the classes in the order of their labels."""
    answers = learner.leave_one_out()[:, np.argsort(list(learner.classes()))]
    return dict(zip(learner.ids, answers, strict=True))


@every_head
@pytest.mark.parametrize("counts", [{"1": 1}, {"1": 5}, {"1": 1, "2": 1}, {"1": 1, "2": 9}, {"1": 4, "2": 4, "3": 4}])
@pytest.mark.parametrize("spread", [0.0, 50.0])
def test_scores_are_probabilities_of_the_taught_classes(head: str, counts: dict[str, int], spread: float) -> None:
    learner = learnt(examples(counts, spread), head)
    nothing = LabeledEmbedding("", "", QuantizedVector(np.full(DIM, -128, np.int8), 0.1, -128))
    for query in (*examples(counts, seed=1), nothing):
        prediction = learner.predict(query.embedding)
        assert list(prediction.scores) == list(counts)
        assert all(0 <= score <= 1 for score in prediction.scores.values())
        assert sum(prediction.scores.values()) <= 1 + 1e-9
    left_out = learner.leave_one_out()
    assert left_out.shape == (sum(counts.values()), len(counts))
    sums = left_out.sum(axis=1)
    assert np.all(np.isclose(sums, 1) | (sums == 0))


@every_head
def test_taught_classes_are_recognised(head: str) -> None:
    learner = learnt(examples({"1": 5, "2": 5, "3": 5}), head)
    assert all(best(learner, query) == query.label for query in examples({"1": 5, "2": 5, "3": 5}, seed=1))


@every_head
def test_an_example_whose_class_is_left_out_with_it_has_no_prediction(head: str) -> None:
    taught = examples({"1": 3, "2": 1, "3": 3})
    learner = learnt([*taught, LabeledEmbedding("again", "2", taught[3].embedding)], head)
    answers = left_out_by_name(learner)
    assert not answers["2-0"].any()
    assert not answers["again"].any()
    assert all(row.sum() == pytest.approx(1) for name, row in answers.items() if name[0] in "13")


def test_a_copy_predicts_the_same_and_changes_independently() -> None:
    taught = examples({"mug": 6, "cup": 6, "jar": 5})
    learner = learnt(taught[:-5])
    copied = learner.copy()
    copied.prepare()
    for example in taught[-5:]:
        learner.add(example)
    learner.remove(taught[0].id)
    assert copied.ids == [example.id for example in taught[:-5]]
    assert copied.classes() == learnt(taught[:-5]).classes()
    for example in taught:
        assert copied.predict(example.embedding) == learnt(taught[:-5]).predict(example.embedding)
    for example in taught[-5:]:
        copied.add(example)
    copied.remove(taught[0].id)
    assert (copied.ids, copied.classes()) == (learner.ids, learner.classes())
    assert best(copied, taught[-1]) == best(learner, taught[-1])


def test_nothing_taught_is_nothing_known() -> None:
    learner = Learner()
    assert learner.predict(examples({"1": 1})[0].embedding).scores == {}
    assert learner.predict(examples({"1": 1})[0].embedding).unknown
    assert (len(learner), learner.classes(), learner.choice(), learner.leave_one_out().size) == (0, {}, None, 0)
    learner.add(examples({"1": 1})[0])
    learner.remove("1-0")
    assert (len(learner), learner.classes(), learner.choice()) == (0, {}, None)


def test_of_a_closed_set_everything_is_known() -> None:
    learner = Learner(closed_set=True)
    learner.fit(examples({"1": 3, "2": 3}))
    far = embedding(np.eye(DIM)[0] * 255)
    assert learnt(examples({"1": 3, "2": 3})).predict(far).unknown
    assert [one.predict(far).known for one in (learner, learner.copy())] == [1.0, 1.0]
    assert Learner(closed_set=True).predict(far).unknown  # without classes there is nothing to name


def test_an_unknown_identity_is_a_key_error_and_changes_nothing() -> None:
    learner = learnt(examples({"1": 2}))
    with pytest.raises(KeyError):
        learner.remove("nobody")
    with pytest.raises(KeyError):
        learner.relabel("nobody", "2")
    assert learner.classes() == {"1": 2}


def test_an_unknown_head_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="there is no head 'best'; use one of auto, ridge"):
        Learner(head="best")


def test_the_nearest_examples_come_with_their_identity() -> None:
    taught = examples({"1": 4, "2": 4})
    nearest = learnt(taught).nearest(taught[6].embedding, 3)
    assert (nearest[0].id, nearest[0].label) == ("2-2", "2")
    assert nearest[0].cosine == pytest.approx(1)
    assert [one.label for one in nearest] == ["2"] * 3


def test_auto_reports_its_choice_and_the_candidates() -> None:
    choice = learnt(examples({"1": 5, "2": 5, "3": 5})).choice()
    assert choice is not None
    assert choice.plan.head == "ridge"
    assert str(choice.plan) in choice.reason
    assert {one.plan.head for one in choice.candidates} == {
        "ridge",
        "centroid",
        "knn",
        "knn-euclidean",
        "knn-manhattan",
    }
    assert all(one.accuracy is not None and 0.9 <= one.accuracy <= 1 for one in choice.candidates)
    alone = learnt(examples({"1": 5, "2": 5}), "centroid").choice()
    assert alone is not None
    assert (alone.plan.head, alone.reason) == ("centroid", "centroid was asked for")


def test_auto_defaults_to_the_centroid_for_uneven_classes_and_counts_a_held_button_once() -> None:
    uneven = learnt(examples({"1": 1, "2": 9})).choice()
    held = examples({"1": 3, "2": 3})
    held += [LabeledEmbedding(f"again-{i}", "2", held[-1].embedding) for i in range(30)]
    even = learnt(held).choice()
    assert uneven is not None
    assert even is not None
    assert (uneven.plan.head, even.plan.head) == ("centroid", "ridge")
    assert "different numbers of photos" in uneven.reason


def test_auto_prefers_neighbours_if_the_classes_are_multimodal() -> None:
    """A checkerboard: the classes cannot be separated by a linear boundary or by their means."""
    rng = np.random.default_rng(0)
    faces = rng.uniform(0, 255, (20, DIM))
    taught = [
        LabeledEmbedding(f"{face}-{i}", str(face % 2), embedding(faces[face] + rng.normal(0, 40, DIM)))
        for face in range(20)
        for i in range(4)
    ]
    choice = learnt(taught).choice()
    assert choice is not None
    accuracies = {str(one.plan): one.accuracy for one in choice.candidates}
    assert accuracies["centroid"] is not None
    assert accuracies[str(choice.plan)] is not None
    assert accuracies[str(choice.plan)] > accuracies["centroid"] + 0.2  # type: ignore[operator]


def test_auto_chooses_on_a_sample_of_a_large_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.learning.heads.selection.SAMPLE", 12)
    for name in ("examples", "ridge", "selection"):
        monkeypatch.setattr(f"edge_cls.learning.heads.{name}.LIMIT", 20)
    for module in ("learner", "rejection"):
        monkeypatch.setattr(f"edge_cls.learning.{module}.LIMIT", 20)
    learner = learnt(examples({"1": 12, "2": 12, "3": 12}))
    assert all(best(learner, query) == query.label for query in examples({"1": 3, "2": 3, "3": 3}, seed=1))
    left_out = learner.leave_one_out()
    asked = ~np.isnan(left_out).any(axis=1)
    assert asked.sum() == 20
    assert left_out[asked].sum(axis=1) == pytest.approx(np.ones(20))


def test_a_regression_predicts_a_number() -> None:
    """A dial: the vector turns with the value."""
    first, second = np.random.default_rng(5).uniform(0, 200, (2, DIM))

    def at(value: float) -> QuantizedVector:
        return embedding(first * (10 - value) / 10 + second * value / 10)

    learner = Learner(head="knn-regression")
    learner.fit([LabeledEmbedding(str(value), f"{value}.0", at(value)) for value in range(11)])
    assert learner.predict(at(4)).value == pytest.approx(4, abs=0.3)
    assert learner.predict(at(6.5)).value == pytest.approx(6.5, abs=0.5)
    assert learnt(examples({"1": 3, "2": 3})).predict(at(3)).value is None


@pytest.mark.parametrize("label", ["red", "nan", "inf", ""])
def test_a_regression_refuses_labels_that_are_not_numbers(label: str) -> None:
    learner = Learner(head="knn-regression")
    with pytest.raises(LabelError, match="is not a number; teach only numbers with --head knn-regression"):
        learner.add(LabeledEmbedding("x", label, examples({"1": 1})[0].embedding))
    assert len(learner) == 0


def test_the_temperature_minimises_the_loss() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    targets = np.array([rng.choice(3, p=row) for row in probabilities(logits, 0.5)])
    fitted = fitted_temperature(logits, targets, 5.0)
    assert fitted == pytest.approx(0.5, rel=0.3)
    means = [losses(logits, targets, t).mean() for t in TEMPERATURES.tolist()]
    assert losses(logits, targets, fitted).mean() == pytest.approx(min(means), abs=0.01)


def test_without_predictions_the_temperature_is_the_expected_one() -> None:
    assert fitted_temperature(np.array([[-np.inf, 0.2]]), np.array([0]), 0.15) == 0.15


def test_the_scores_are_calibrated() -> None:
    """For noisy classes, the mean score of the best class is near the accuracy."""
    counts = {"1": 12, "2": 12, "3": 12}
    learner = learnt(examples(counts, spread=110))
    answers = learner.leave_one_out()
    labels = np.array([list(counts).index(label) for label in learner.labels])
    accuracy = float((answers.argmax(axis=1) == labels).mean())
    assert 0.4 < accuracy < 1
    assert float(answers.max(axis=1).mean()) == pytest.approx(accuracy, abs=0.15)
