"""Twins: frames of one class are also taught under a second name, as by a wrong button. Only these two may suffer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.classifier import Classifier
from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.images.preprocess import Frame
from edge_cls.learning.learner import HeadPrediction, Learner

DIM = 64
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
"""Settings of these properties: a smaller seed would explain nothing."""
Array = NDArray[np.float64]


def near(center: Array, distance: float, rng: np.random.Generator) -> QuantizedVector:
    """Return a vector at about a cosine distance of `distance` from `center`, a unit vector, (DIM,)."""
    aside = rng.normal(size=DIM)
    aside -= aside @ center * center
    angle = np.arccos(1 - distance)
    moved = np.cos(angle) * center + np.sin(angle) * aside / np.linalg.norm(aside)
    return quantize_vector(moved, 1.0, 0)


class Scene:
    """A memory of `classes` classes with one hold each, "0", "1", ..., in which `twins` frames of "0" are also "twin".

    Photos of different classes have cosine distances of about 0.5, frames of one hold about 0.01.
    """

    def __init__(self, classes: int, twins: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        common = np.abs(rng.normal(size=DIM))
        centers = common / np.linalg.norm(common) + rng.normal(scale=DIM**-0.5, size=(classes, DIM))
        centers /= np.linalg.norm(centers, axis=1, keepdims=True)
        self.apart = float(np.max(centers @ centers.T - np.eye(classes)))
        self.taught = [
            LabeledEmbedding(f"{label}.{frame}", str(label), near(center, 0.005, rng))
            for label, center in enumerate(centers)
            for frame in range(5)
        ]
        self.second = [
            LabeledEmbedding(f"twin.{frame}", "twin", near(centers[0], 0.005, rng)) for frame in range(twins)
        ]
        self.others = [
            (str(label), near(center, float(distance), rng))
            for label, center in enumerate(centers)
            for distance in rng.uniform(0.0, 0.6, 4)
            if label
        ]
        """Frames of the classes that have no twin, and of things between them and anything."""

    def answers(self, *, twins: bool) -> list[HeadPrediction]:
        learner = Learner()
        learner.fit(self.taught + self.second * twins)
        return [learner.predict(embedding) for _, embedding in self.others]


def best(prediction: HeadPrediction) -> str:
    return max(prediction.scores, key=prediction.scores.__getitem__)


@given(st.integers(2, 5), st.integers(1, 6), SEEDS)
@FEW
def test_a_taught_frame_is_known_as_its_class_unless_that_has_a_twin(classes: int, twins: int, seed: int) -> None:
    scene = Scene(classes, twins, seed)
    assume(scene.apart < 0.75)
    learner = Learner()
    learner.fit(scene.taught + scene.second)
    for example in scene.taught:
        prediction = learner.predict(example.embedding)
        if example.label == "0":
            assert best(prediction) in ("0", "twin")
        else:
            assert (best(prediction), prediction.unknown) == (example.label, False)


@given(st.integers(2, 5), st.integers(1, 6), SEEDS)
@FEW
def test_a_class_far_from_the_twins_is_untouched_by_them(classes: int, twins: int, seed: int) -> None:
    scene = Scene(classes, twins, seed)
    assume(scene.apart < 0.75)
    for (label, _), without, with_twins in zip(
        scene.others, scene.answers(twins=False), scene.answers(twins=True), strict=True
    ):
        if best(without) == label:
            assert with_twins.known == pytest.approx(without.known, abs=0.02)
            assert best(with_twins) == label or without.unknown


def frames(path: Path, seconds: list[float]) -> list[Frame]:
    """Return the frames of a clip at these ascending times, RGB."""
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    capture = cv2.VideoCapture(str(path))
    fps, number, found = capture.get(cv2.CAP_PROP_FPS), -1, []
    for at in seconds:
        while number < int(at * fps):
            assert capture.grab()
            number += 1
        found.append(np.asarray(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB), np.uint8))
    capture.release()
    return found


def test_a_wrong_button_makes_nothing_else_unknown(shared: Path) -> None:
    cars, table = shared / "videos" / "car-detection.mp4", shared / "videos" / "bottle-detection.mp4"
    times = {
        "road": [0.5, 1.2, 1.9, 2.6, 3.3, 8.9, 9.2, 9.5, 9.8, 10.1],
        "car": [5.2, 5.6, 6.0, 6.4, 6.7],
        "bottles": [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0],
        "van": [5.3, 5.5, 5.9, 6.2, 6.6],
    }
    clips = {
        cars: sorted((at, label) for label in ("road", "car", "van") for at in times[label]),
        table: [(at, "bottles") for at in times["bottles"]],
    }
    with Classifier("builtin") as classifier:
        seen: dict[str, list[QuantizedVector]] = {label: [] for label in times}
        for path, wanted in clips.items():
            for (_, label), frame in zip(wanted, frames(path, [at for at, _ in wanted]), strict=True):
                embedding = classifier.model.infer(frame).embedding
                assert embedding is not None
                seen[label].append(embedding)
        for count in range(6):
            taught = [
                LabeledEmbedding(f"{label}.{number}", label, embedding)
                for label, of in seen.items()
                for number, embedding in enumerate(of[: count if label == "van" else 5])
            ]
            classifier.learner.fit(taught)
            for label in ("road", "bottles"):
                predictions = [classifier.learner.predict(embedding) for embedding in seen[label]]
                right = [best(one) == label and not one.unknown for one in predictions]
                assert np.mean(right) >= 0.95, (count, label, right)
