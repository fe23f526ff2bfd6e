"""The demonstration: the whole workflow, offline, on digits that ship with scikit-learn and on our photographs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.progress import Progress
from sklearn.datasets import load_digits

from edge_cls.classifier import Classifier, Prediction
from edge_cls.files import write_whole
from edge_cls.images.preprocess import Frame
from edge_cls.model.names import DEFAULT
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.pipeline import Pipeline
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.demo import PHOTOGRAPHS, VirtualCamera
from edge_cls_tools.dataset.loading import load_dataset
from edge_cls_tools.demo.contact_sheet import Picture, contact_sheet
from edge_cls_tools.evaluation.metrics import evaluate
from edge_cls_tools.quantization.quantize import quantize
from edge_cls_tools.training.train import train_classifier

TAUGHT = ("astronaut", "cat", "coffee", "rocket")
"""Photographs that are taught; all others should be classified as unknown."""
EXAMPLES = 5
"""Taught frames per class."""
FRAMES_OF_TAUGHT, FRAMES_OF_UNTAUGHT = 60, 30
"""Streamed frames of each taught and of each other photograph."""
DIGIT_SIDE = 64
"""Side of a digit, in pixels."""


@dataclass(frozen=True)
class Summary:
    """The figures of the demonstration; accuracies and shares are in [0, 1].

    The first four are measured on the digits: test accuracy of the float network and of the int8 model, the share of
    photos with the same prediction, and the size of the model in bytes. `stream_accuracy` is the share of frames of
    taught photographs with the right label, `unknown_rejected` the share of other frames classified as unknown.
    """

    float_accuracy: float
    int8_accuracy: float
    agreement: float
    model_bytes: int
    taught_classes: tuple[str, ...]
    stream_accuracy: float
    unknown_rejected: float
    frames: int
    fps: float


def run_demo(out: Path, display: Progress) -> Summary:
    """Train, quantise and evaluate on digits, teach four photographs and stream twelve; keep all files in `out`."""
    task = display.add_task("demo", total=6, note="writing the digits")
    digits = out / "digits"
    write_digits(digits)
    display.update(task, advance=1, note="training on the digits")
    train_classifier(load_dataset(digits), DEFAULT, out / "digits-run", seed=0, display=display)
    display.update(task, advance=1, note="quantising")
    model = out / "digits.tflite"
    made = quantize(out / "digits-run", model, advance=lambda _: None)
    made.save()
    comparison = made.comparison
    display.update(task, advance=1, note="evaluating the int8 model")
    evaluation = evaluate(model, digits, advance=lambda _: None)
    display.update(task, advance=1, note="teaching four classes")
    memory = out / "taught.db"
    memory.unlink(missing_ok=True)
    camera = VirtualCamera()
    taught_frames = [(name, moment) for name in TAUGHT for moment in range(EXAMPLES)]
    with Classifier(memory=memory) as classifier:
        for name, moment in taught_frames:
            classifier.teach(name, camera.view(name, moment))
    display.update(task, advance=1, note="streaming")
    results, fps = _stream(camera, memory, display)
    known = [r for r in results if r.name in TAUGHT]
    unknown = [r for r in results if r.name not in TAUGHT]
    summary = Summary(
        float_accuracy=comparison.float_accuracy or 0.0,
        int8_accuracy=evaluation.accuracy,
        agreement=comparison.agreement or 0.0,
        model_bytes=model.stat().st_size,
        taught_classes=TAUGHT,
        stream_accuracy=sum(map(_right, known)) / len(known),
        unknown_rejected=sum(map(_right, unknown)) / len(unknown),
        frames=len(results),
        fps=fps,
    )
    taught_pictures = [Picture(camera.view(name, moment), f"taught: {name}", None) for name, moment in taught_frames]
    write_whole(out / "contact-sheet.png", contact_sheet([*taught_pictures, *_pictures(camera, results)], columns=10))
    display.update(task, advance=1, note="")
    return summary


def write_digits(folder: Path) -> None:
    """Write scikit-learn's 1,797 handwritten digits of 8 x 8 pixels as 64 x 64 photos, one folder per digit."""
    digits = load_digits()
    for index, (grey, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{index:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.rint(255 - grey * 255 / 16).astype(np.uint8)
        Image.fromarray(cv2.resize(pixels, (DIGIT_SIDE, DIGIT_SIDE), interpolation=cv2.INTER_CUBIC)).save(path)


class _Tour:
    """A frame source of views that were not taught: all photographs in shuffled order, each view once."""

    live = False

    def __init__(self, camera: VirtualCamera, clock: Clock) -> None:
        self._camera = camera
        self._clock = clock
        self.views = [
            (name, EXAMPLES + moment)
            for name in PHOTOGRAPHS
            for moment in range(FRAMES_OF_TAUGHT if name in TAUGHT else FRAMES_OF_UNTAUGHT)
        ]
        np.random.default_rng(0).shuffle(self.views)
        self._next = 0

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        del into  # each view is a new image
        if self._next == len(self.views):
            return None
        name, moment = self.views[self._next]
        info = FrameInfo(self._next, self._clock.time(), self._clock.monotonic(), name)
        self._next += 1
        return CapturedFrame(info, self._camera.view(name, int(moment)))

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class _Seen:
    """The prediction for the view `moment` of the photograph `name`."""

    name: str
    moment: int
    prediction: Prediction


def _stream(camera: VirtualCamera, memory: Path, display: Progress) -> tuple[Sequence[_Seen], float]:
    """Return the predictions, and the frame rate of the pipeline in frames per second, including the drawing."""
    tour = _Tour(camera, time)
    task = display.add_task("frames", total=len(tour.views), note="")
    seen = []
    # A new classifier reads the examples from the file, as after a reboot.
    with Classifier(memory=memory) as classifier:
        started = time.monotonic()
        with Pipeline(tour, classifier, clock=time) as pipeline:
            while (inferred := pipeline.take()) is not None:
                name, moment = tour.views[inferred.info.index]
                seen.append(_Seen(name, int(moment), classifier.decide(inferred.outputs)))
                display.advance(task)
        seconds = time.monotonic() - started
    return seen, len(seen) / seconds


def _right(seen: _Seen) -> bool:
    """Whether a taught photograph was classified correctly, and any other one as unknown."""
    if seen.name in TAUGHT:
        return not seen.prediction.unknown and seen.prediction.label == seen.name
    return seen.prediction.unknown


def _pictures(camera: VirtualCamera, results: Sequence[_Seen]) -> list[Picture]:
    """Return EXAMPLES frames of each photograph with their predictions, wrong ones first."""
    pictures = []
    for name in (*TAUGHT, *(other for other in PHOTOGRAPHS if other not in TAUGHT)):
        for seen in sorted((one for one in results if one.name == name), key=_right)[:EXAMPLES]:
            predicted = "unknown" if seen.prediction.unknown else f"{seen.prediction.label} {seen.prediction.score:.0%}"
            pictures.append(Picture(camera.view(name, seen.moment), f"{name}: {predicted}", _right(seen)))
    return pictures
