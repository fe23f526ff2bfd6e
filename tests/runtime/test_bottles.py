"""Stable states on a real clip: bottles are put on a table and taken away by hand.

The changes were labelled by looking at the pictures. There is a bottle on the table all the time, but each of three
places is empty for a while. Of the whole picture the model sees the square in the middle, with the middle place, which
is empty once; the other two are looked at with a region of interest.
"""

from __future__ import annotations

from collections.abc import Iterator
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
"""Seconds after which a change must have been told: half a second of smoothing, half of dwell."""

Change = tuple[int, int, str]
"""The frames from the first that shows a bottle or its shadow moving to the last that a hand or its shadow is in, and
what a person sees afterwards. In between is neither: a hand that holds a bottle."""


@dataclass(frozen=True)
class Place:
    """A part of the picture (left, top, width, height, as fractions), what happens there, and frames to teach."""

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


def pictures(path: Path) -> Iterator[Frame]:
    capture = cv2.VideoCapture(str(path))
    while (read := capture.read())[0]:
        yield np.asarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), np.uint8)
    capture.release()


def true_state(place: Place, frame: float) -> str | None:
    """Return what a person sees at `frame`; None while it changes, and until it must have been told."""
    label = "bottles"
    for start, end, after in place.changes:
        if start <= frame <= end + LATENCY * FPS:
            return None
        label = after if frame > end else label
    return label


@pytest.fixture(scope="module", params=[pytest.param(1, marks=pytest.mark.slow), 3])
def predictions(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[int, Prediction]]:
    """Return what the built-in backbone says of each frame, or of every third, after five taught ones of each class."""
    clip = shared / "videos" / "bottle-detection.mp4"
    if not clip.is_file():
        pytest.skip(f"{clip} is not there")
    folder = tmp_path_factory.mktemp("bottles")
    classifiers = {name: Classifier(memory=folder / f"{name}.db") for name in PLACES}
    taught = {at for place in PLACES.values() for at in place.empty + place.bottles}
    kept = {at: picture for at, picture in enumerate(pictures(clip)) if at in taught}
    for name, place in PLACES.items():
        for label, frames in (("empty", place.empty), ("bottles", place.bottles)):
            for at in frames:
                classifiers[name].teach(label, cut(kept[at], place.region))
    said: dict[str, dict[int, Prediction]] = {name: {} for name in PLACES}
    for at, picture in enumerate(pictures(clip)):
        for name, place in PLACES.items() if at % request.param == 0 else ():
            said[name][at] = classifiers[name].classify(cut(picture, place.region))
    for classifier in classifiers.values():
        classifier.close()
    assert at == FRAMES - 1
    return said


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", PLACES)
def test_the_changes_are_those_that_a_person_sees(
    predictions: dict[str, dict[int, Prediction]], name: str, every: int
) -> None:
    place, states = PLACES[name], States()
    told: list[Transition] = []
    for at, said in list(predictions[name].items())[::every]:
        scores = {score.label: score.score for score in said.predictions}
        transition = states.update(scores, unknown=said.unknown, at=at / FPS)
        if transition is not None:
            told.append(transition)
        expected = true_state(place, at)
        if at > LATENCY * FPS and expected is not None:
            assert states.state == expected, (at, told)
    times = [transition.at for transition in told]
    assert np.diff([0.0, *times]).min() >= 0.5
    assert [told[0].label, *(label for _, _, label in place.changes)] == [one.label for one in told if one.label]
    # A hand may be nothing known for a while, and only a hand.
    assert sum(one.label is None for one in told) <= sum(after == "bottles" for _, _, after in place.changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_the_whole_appliance_tells_them_too(shared: Path, tmp_path: Path, name: str) -> None:
    clip, place, memory, seen = shared / "videos" / "bottle-detection.mp4", PLACES[name], tmp_path / "m.db", FakeSink()
    if not clip.is_file():
        pytest.skip(f"{clip} is not there")
    kept = dict(enumerate(pictures(clip)))
    with Classifier(memory=memory) as classifier:
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
