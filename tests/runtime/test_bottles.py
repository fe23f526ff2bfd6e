"""Stable states on a real clip: bottles are put on a table and taken away by hand.

The changes were labelled by a person. There is always a bottle on the table, but each of three places is empty for a
while. If the whole picture is classified, the model sees the square in the middle, whose place is empty once; the other
two places are classified with a region of interest.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_cls.app.application import Application
from edge_cls.classifier import Classifier, Prediction
from edge_cls.config import load
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.states import States, Transition
from edge_cls.testing import FakeSink, FakeSupervisor

FPS = 29.83
FRAMES = 1189
LATENCY = 1.0
"""Seconds after which a change must have been reported: half a second of smoothing, half of dwell."""

Change = tuple[int, int, str]
"""The first frame in which a bottle or its shadow moves, the last frame with a hand or its shadow, and the state that a
person sees afterwards. In between, a hand holds a bottle, and there is no right answer."""


@dataclass(frozen=True)
class Place:
    """A part of the picture (left, top, width, height, as fractions), its changes, and the frames to teach."""

    region: tuple[float, float, float, float]
    changes: tuple[Change, ...]
    empty: tuple[int, ...]
    bottles: tuple[int, ...]


PLACES = {
    "the whole picture": Place(
        (0, 0, 1, 1),
        ((518, 538, "empty"), (648, 735, "bottles")),
        (560, 580, 600, 620, 640),
        (20, 120, 280, 440, 780),
    ),
    "left": Place(
        (0, 0.3, 1 / 3, 0.6),
        ((199, 216, "empty"), (329, 405, "bottles"), (518, 538, "empty"), (808, 868, "bottles")),
        (230, 250, 270, 290, 310),
        (20, 60, 100, 140, 440),
    ),
    "right": Place(
        (2 / 3, 0.3, 1 / 3, 0.6),
        ((944, 962, "empty"), (1028, 1100, "bottles")),
        (970, 982, 994, 1006, 1018),
        (20, 200, 400, 600, 800),
    ),
}


def cut(picture: Frame, region: tuple[float, float, float, float]) -> Frame:
    left, top, width, height = region
    rows, columns = picture.shape[:2]
    box = np.rint(np.array([top, top + height, left, left + width]) * [rows, rows, columns, columns]).astype(int)
    return np.ascontiguousarray(picture[box[0] : box[1], box[2] : box[3]])


def pictures(path: Path, numbers: Container[int]) -> Iterator[tuple[int, Frame]]:
    """Give those frames of the clip whose number, from 0, is in `numbers`, with the number."""
    capture = cv2.VideoCapture(str(path))
    for number in range(FRAMES):
        assert capture.grab()
        if number in numbers:
            yield number, np.asarray(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB), np.uint8)
    assert not capture.grab()
    capture.release()


def true_state(place: Place, frame: float) -> str | None:
    """Return the state that a person sees at `frame`; None from the start of a change until it must be reported."""
    label = "bottles"
    for start, end, after in place.changes:
        if start <= frame <= end + LATENCY * FPS:
            return None
        label = after if frame > end else label
    return label


@pytest.fixture(scope="module")
def predictions(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[int, Prediction]]:
    """Return the predictions for every n-th frame, by the built-in backbone with 5 examples per class."""
    clip = shared / "videos" / "bottle-detection.mp4"
    if not clip.is_file():
        pytest.skip(f"{clip} is not there")
    folder = tmp_path_factory.mktemp("bottles")
    classifiers = {name: Classifier("builtin", memory=folder / f"{name}.db") for name in PLACES}
    taught = {at for place in PLACES.values() for at in place.empty + place.bottles}
    kept = dict(pictures(clip, taught))
    for name, place in PLACES.items():
        for label, frames in (("empty", place.empty), ("bottles", place.bottles)):
            for at in frames:
                classifiers[name].teach(label, cut(kept[at], place.region))
    said: dict[str, dict[int, Prediction]] = {name: {} for name in PLACES}
    for at, picture in pictures(clip, range(0, FRAMES, request.param)):
        for name, place in PLACES.items():
            said[name][at] = classifiers[name].classify(cut(picture, place.region))
    for classifier in classifiers.values():
        classifier.close()
    return said


@pytest.mark.parametrize(
    ("predictions", "every"),
    [(6, 1), *(pytest.param(1, every, marks=pytest.mark.slow) for every in (1, 2, 3))],
    indirect=["predictions"],
    scope="module",
)
@pytest.mark.parametrize("name", PLACES)
def test_the_changes_are_those_that_a_person_sees(
    predictions: dict[str, dict[int, Prediction]], name: str, every: int
) -> None:
    place, states = PLACES[name], States()
    reported: list[Transition] = []
    for at, said in list(predictions[name].items())[::every]:
        transition = states.update(said, at=at / FPS)
        if transition is not None:
            reported.append(transition)
        expected = true_state(place, at)
        if at > LATENCY * FPS and expected is not None:
            assert states.state == expected, (at, reported)
    times = [transition.at for transition in reported]
    assert np.diff([0.0, *times]).min() >= 0.5
    assert [reported[0].label, *(label for _, _, label in place.changes)] == [
        one.label for one in reported if one.label
    ]
    # Only while a hand is in the picture may nothing known be seen.
    assert sum(one.label is None for one in reported) <= sum(after == "bottles" for _, _, after in place.changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_the_whole_application_reports_them_too(shared: Path, tmp_path: Path, name: str) -> None:
    clip, place, memory, seen = shared / "videos" / "bottle-detection.mp4", PLACES[name], tmp_path / "m.db", FakeSink()
    if not clip.is_file():
        pytest.skip(f"{clip} is not there")
    kept = dict(pictures(clip, place.empty + place.bottles))
    with Classifier("builtin", memory=memory) as classifier:
        for label, frames in (("empty", place.empty), ("bottles", place.bottles)):
            for at in frames:
                classifier.teach(label, cut(kept[at], place.region))
    config = {"source": {"name": str(clip), "roi": list(place.region)}, "memory": str(memory)}
    application = Application(
        lambda: load(None, environ={}, given=config),
        open_output=lambda _: seen,
        supervisor=FakeSupervisor(),
        make_memory=False,
    )
    assert application.run() == FRAMES
    labels = [event.transition.label for event in seen.events]
    assert [label for label in labels if label] == ["bottles", *(label for _, _, label in place.changes)]
    times = [event.frame.position or 0.0 for event in seen.events]
    assert np.diff([0.0, *times]).min() >= 0.5
    for event in seen.events[1:]:
        assert any(start <= event.frame.index <= end + LATENCY * FPS for start, end, _ in place.changes)
