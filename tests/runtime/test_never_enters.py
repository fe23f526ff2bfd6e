"""Pictures of five classes, each held before the camera for ten seconds: known, although no score is high."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.classifier import Classifier
from edge_cls.core.labels import BACKGROUND
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import read_image
from edge_cls.prediction import Prediction
from edge_cls.runtime.states import States

CLASSES = ("apple", BACKGROUND, "broccoli", "cauliflower", "orange")


@pytest.fixture(scope="module")
def predictions(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Prediction]]]:
    """The predictions for the three taught pictures of each class."""
    folder = shared / "cases" / "never_enters"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    pictures: dict[str, list[Frame]] = {
        label: [read_image(path) for path in sorted(folder.glob(f"{label}-*.png"))] for label in CLASSES
    }
    with Classifier("builtin", memory=tmp_path_factory.mktemp("memory") / "taught.db") as classifier:
        for label in CLASSES:
            for picture in pictures[label]:
                classifier.teach(label, picture)
        yield {label: [classifier.classify(picture) for picture in pictures[label]] for label in CLASSES}


@pytest.mark.parametrize("label", CLASSES)
def test_a_taught_picture_that_stays_known_becomes_the_state(
    predictions: dict[str, list[Prediction]], label: str
) -> None:
    known = [one for one in predictions[label] if not one.unknown and one.label == label]
    assert known
    for prediction in known:
        states = States()
        reported = [states.update(prediction, at=index / 10) for index in range(100)]
        events = [(transition.kind, transition.label) for transition in reported if transition is not None]
        assert events == ([] if label == BACKGROUND else [("entered", label)])
        assert states.evidence[label].share > 0.9
