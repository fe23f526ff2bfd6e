"""The heads are fitted in the background, while frames are classified."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge_cls import Classifier
from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.background import BackgroundLearner
from edge_cls.learning.learner import Learner
from tests.colors import COLORS, color_frame

PATIENCE = 30
RED, GREEN, BLUE = (np.roll(np.array([100, 0, 0, 20], np.int8), turn) for turn in range(3))


def example(label: str, direction: np.ndarray[tuple[int], np.dtype[np.int8]], seed: int = 0) -> LabeledEmbedding:
    noise = np.random.default_rng(seed).integers(-9, 10, len(direction))
    return LabeledEmbedding(f"{label} {seed}", label, QuantizedVector((direction + noise).astype(np.int8), 0.01, 0))


def look(direction: np.ndarray[tuple[int], np.dtype[np.int8]]) -> QuantizedVector:
    return example("", direction, 99).embedding


class Gate:
    """Blocks every round of fitting until it is opened, and counts the rounds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        self._begun = threading.Semaphore(0)
        self.rounds = 0
        self._prepare = Learner.prepare
        monkeypatch.setattr(Learner, "prepare", lambda learner: self._held_up(learner))

    def await_round(self) -> None:
        assert self._begun.acquire(timeout=PATIENCE)

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def _held_up(self, learner: Learner) -> None:
        self.rounds += 1
        self._begun.release()
        assert self._open.wait(PATIENCE)
        self._prepare(learner)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate that is opened at the end of the test."""
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


@pytest.fixture
def learner() -> Learner:
    """A learner with red roses and blue skies."""
    learner = Learner()
    learner.fit([example(label, way, seed) for seed in range(4) for label, way in (("rose", RED), ("sky", BLUE))])
    return learner


@pytest.fixture
def background(learner: Learner, gate: Gate) -> Iterator[BackgroundLearner]:
    """A background learner that has caught up, with its next round blocked by the gate."""
    background = BackgroundLearner(learner)
    gate.open()
    background.settle()
    gate.close()
    gate.await_round()
    yield background
    gate.open()
    background.close()


def test_the_first_prediction_waits_for_the_examples_taught_before(learner: Learner, gate: Gate) -> None:
    background = BackgroundLearner(learner)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(background.predict, look(RED))
        gate.await_round()
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        gate.open()
        assert not waiting.result(PATIENCE).unknown
    background.close()


def test_frames_are_classified_without_a_change_until_it_is_fitted(
    background: BackgroundLearner, learner: Learner, gate: Gate
) -> None:
    before = background.predict(look(GREEN))
    assert before.unknown
    with background.changing():
        for seed in range(4):
            learner.add(example("leaf", GREEN, seed))
    gate.await_round()
    assert background.predict(look(GREEN)) == before
    gate.open()
    background.settle()
    after = background.predict(look(GREEN))
    assert max(after.scores, key=after.scores.__getitem__) == "leaf"
    assert not after.unknown


def test_an_example_that_was_removed_is_not_named_any_more(background: BackgroundLearner, learner: Learner) -> None:
    before = background.predict(look(RED)).nearest
    with background.changing():
        learner.remove(before[0].id)
    assert background.predict(look(RED)).nearest == before[1:]


def test_many_changes_meanwhile_are_fitted_in_one_more_round(
    background: BackgroundLearner, learner: Learner, gate: Gate
) -> None:
    for seed in range(10):
        with background.changing():
            learner.add(example("leaf", GREEN, seed))
        if not seed:
            gate.await_round()
    assert gate.rounds == 2
    gate.open()
    background.settle()
    assert gate.rounds == 3


@pytest.mark.parametrize("head", ["auto", "knn", "centroid"])
def test_when_it_has_caught_up_it_predicts_like_the_learner_itself(gate: Gate, head: str) -> None:
    gate.open()
    beside, at_once = Learner(head=head), Learner(head=head)
    background = BackgroundLearner(beside)
    ways = {"rose": RED, "leaf": GREEN, "sky": BLUE}
    for learner in (beside, at_once):
        with background.changing():
            for seed in range(12):
                for label, way in ways.items():
                    learner.add(example(label, way, seed))
        with background.changing():
            learner.remove("sky 3")
            learner.relabel("rose 1", "tulip")
    background.settle()
    for way in ways.values():
        theirs, ours = at_once.predict(look(way)), background.predict(look(way))
        assert list(ours.scores) == list(theirs.scores)
        assert list(ours.scores.values()) == pytest.approx(list(theirs.scores.values()), abs=1e-9)
        assert ours.unknown == theirs.unknown
    background.close()


def test_a_forgotten_class_is_no_longer_predicted_at_once(
    background: BackgroundLearner, learner: Learner, gate: Gate
) -> None:
    assert not background.predict(look(RED)).unknown
    with background.changing():
        for seed in range(4):
            learner.remove(f"rose {seed}")
    gate.await_round()
    rose, sky = background.predict(look(RED)), background.predict(look(BLUE))
    assert (set(rose.scores), rose.unknown) == ({"sky"}, True)
    assert (set(sky.scores), sky.unknown) == ({"sky"}, False)


def test_an_exception_in_the_thread_is_raised_by_predict_and_settle(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(learner: Learner) -> None:
        raise MemoryError(f"no room for {len(learner)} examples")

    monkeypatch.setattr(Learner, "prepare", fail)
    background = BackgroundLearner(learner)
    for ask in (lambda: background.predict(look(RED)), background.settle):
        with pytest.raises(MemoryError, match="no room for 8 examples"):
            ask()
    background.close()


def test_closing_ends_the_thread_after_the_current_round(
    background: BackgroundLearner, learner: Learner, gate: Gate
) -> None:
    for seed in range(2):
        with background.changing():
            learner.add(example("leaf", GREEN, seed))
        if not seed:
            gate.await_round()
    with ThreadPoolExecutor(1) as thread:
        closing = thread.submit(background.close)
        assert not closing.done()
        gate.open()
        closing.result(PATIENCE)
    assert gate.rounds == 2
    assert not any(one.name == "learn" for one in threading.enumerate())
    background.close()


def test_a_classifier_that_learns_in_the_background_ends_with_the_same_predictions(tiny: Path, tmp_path: Path) -> None:
    frames = [color_frame(color, 50) for color in COLORS]
    with (
        Classifier(tiny, memory=tmp_path / "one.db", learn_in_background=True) as beside,
        Classifier(tiny, memory=tmp_path / "two.db") as at_once,
    ):
        for classifier in (beside, at_once):
            for seed in range(3):
                for color in COLORS:
                    classifier.teach(f"thing {color}", color_frame(color, seed))
        assert beside.taught() == at_once.taught()
        again = beside.teach("thing red", color_frame("red", 0))
        assert (again.stored, again.check.verdict) == (False, "duplicate")
        beside.settle()
        for frame in frames:
            ours, theirs = beside.classify(frame), at_once.classify(frame)
            assert [one.label for one in ours.predictions] == [one.label for one in theirs.predictions]
            assert [one.score for one in ours.predictions] == pytest.approx([one.score for one in theirs.predictions])
            assert ours.unknown == theirs.unknown
    assert not any(one.name == "learn" for one in threading.enumerate())


def test_a_classifier_predicts_while_it_learns_in_the_background(tiny: Path, tmp_path: Path, gate: Gate) -> None:
    gate.open()
    with Classifier(tiny, memory=tmp_path / "taught.db", learn_in_background=True) as classifier:
        for seed in range(3):
            classifier.teach("rose", color_frame("red", seed))
        classifier.settle()
        gate.close()
        classifier.teach("sky", color_frame("blue", 0))
        assert classifier.taught() == {"rose": 3, "sky": 1}
        assert classifier.classify(color_frame("red", 9)).label == "rose"
        assert classifier.classify(color_frame("blue", 9)).label == "blue"
        assert classifier.memory is not None
        classifier.memory.forget("rose")
        assert classifier.classify(color_frame("red", 9)).label == "red"
        gate.open()
        classifier.settle()
        assert classifier.classify(color_frame("blue", 9)).label == "sky"
