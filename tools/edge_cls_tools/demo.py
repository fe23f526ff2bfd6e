"""The demonstration: the main job, end to end and offline, on images that ship inside scikit-learn and scikit-image."""

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

from edge_cls.classifier import Classifier
from edge_cls.model_file import write_whole
from edge_cls.preprocess import Frame
from edge_cls.runtime.pipeline import Pipeline
from edge_cls.runtime.ports import CapturedFrame, Clock, Result
from edge_cls.sources.demo import PHOTOGRAPHS, VirtualCamera
from edge_cls_tools.contact_sheet import Picture, contact_sheet
from edge_cls_tools.dataset import load_dataset
from edge_cls_tools.evaluation.evaluation import evaluate
from edge_cls_tools.int8.quantization import quantize
from edge_cls_tools.training.transfer import train_classifier

TAUGHT = ("astronaut", "cat", "coffee", "motorcycle")
EXAMPLES = 5
FRAMES_OF_TAUGHT, FRAMES_OF_UNTAUGHT = 60, 30
DIGIT_SIDE = 64


@dataclass(frozen=True)
class Summary:
    """What the demonstration measured; shares lie in [0, 1].

    The first four are of the digits: test accuracy of the float network and of the int8 model, how often they agree,
    and the size of the model. `stream_accuracy` is the share of frames of taught things that got the right name;
    `unknown_rejected` the share of frames of other things that were called unknown.
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
    """Train, quantise and evaluate on digits; teach four photographs and stream twelve; keep all of it in `out`."""
    task = display.add_task("demo", total=6, note="writing the digits")
    digits = out / "digits"
    write_digits(digits)
    display.update(task, advance=1, note="training on the digits")
    train_classifier(load_dataset(digits), "builtin", out / "digits-run", seed=0, display=display)
    display.update(task, advance=1, note="quantising")
    model = out / "digits.tflite"
    made = quantize(out / "digits-run", model, advance=lambda _: None)
    made.save()
    comparison = made.comparison
    display.update(task, advance=1, note="evaluating the int8 model")
    evaluation = evaluate(model, digits, advance=lambda _: None)
    display.update(task, advance=1, note="teaching four things")
    memory = out / "taught.db"
    memory.unlink(missing_ok=True)
    camera = VirtualCamera()
    lessons = [(name, moment) for name in TAUGHT for moment in range(EXAMPLES)]
    with Classifier(memory=memory) as classifier:
        for name, moment in lessons:
            classifier.teach(name, camera.view(name, moment))
    display.update(task, advance=1, note="streaming")
    results, fps = _stream(camera, memory, display)
    known = [r for r in results if r.frame.source in TAUGHT]
    strange = [r for r in results if r.frame.source not in TAUGHT]
    summary = Summary(
        float_accuracy=comparison.float_accuracy or 0.0,
        int8_accuracy=evaluation.accuracy,
        agreement=comparison.agreement or 0.0,
        model_bytes=model.stat().st_size,
        taught_classes=TAUGHT,
        stream_accuracy=sum(map(_right, known)) / len(known),
        unknown_rejected=sum(map(_right, strange)) / len(strange),
        frames=len(results),
        fps=fps,
    )
    lesson_pictures = [Picture(camera.view(name, moment), f"taught: {name}", None) for name, moment in lessons]
    write_whole(out / "contact-sheet.png", contact_sheet([*lesson_pictures, *_pictures(results)], columns=10))
    display.update(task, advance=1, note="")
    return summary


def write_digits(folder: Path) -> None:
    """Write scikit-learn's 1,797 handwritten digits of 8 x 8 pixels as photos of 64 x 64, a folder a digit."""
    digits = load_digits()
    for index, (grey, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{index:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.rint(255 - grey * 255 / 16).astype(np.uint8)
        Image.fromarray(cv2.resize(pixels, (DIGIT_SIDE, DIGIT_SIDE), interpolation=cv2.INTER_CUBIC)).save(path)


class _Tour:
    """Unseen views of all photographs, in a shuffled order, each of them once."""

    live = False

    def __init__(self, camera: VirtualCamera, clock: Clock) -> None:
        self._camera = camera
        self._clock = clock
        views = [
            (name, EXAMPLES + moment)
            for name in PHOTOGRAPHS
            for moment in range(FRAMES_OF_TAUGHT if name in TAUGHT else FRAMES_OF_UNTAUGHT)
        ]
        np.random.default_rng(0).shuffle(views)
        self.length = len(views)
        self._views = enumerate(views)

    def read(self) -> CapturedFrame | None:
        index, view = next(self._views, (0, None))
        if view is None:
            return None
        name, moment = str(view[0]), int(view[1])
        timestamp, captured = self._clock.time(), self._clock.monotonic()
        return CapturedFrame(index, timestamp, captured, self._camera.view(name, moment), name)

    def close(self) -> None:
        pass


class _Collector:
    def __init__(self, display: Progress, total: int) -> None:
        self.results: list[Result] = []
        self._display = display
        self._task = display.add_task("frames", total=total, note="")

    def publish(self, result: Result) -> None:
        self.results.append(result)
        self._display.advance(self._task)


def _stream(camera: VirtualCamera, memory: Path, display: Progress) -> tuple[Sequence[Result], float]:
    """Return the results, and how many frames a second the whole pipeline did, the drawing of the views included."""
    tour = _Tour(camera, time)
    collector = _Collector(display, tour.length)
    # Opened anew: what is recognised comes from the file, as after a reboot.
    with Classifier(memory=memory) as classifier:
        started = time.monotonic()
        frames = Pipeline(tour, classifier.classify, [collector], clock=time).run()
        seconds = time.monotonic() - started
    return collector.results, frames / seconds


def _right(result: Result) -> bool:
    """Whether a taught thing got its name, and another none."""
    if result.frame.source in TAUGHT:
        return not result.prediction.unknown and result.prediction.label == result.frame.source
    return result.prediction.unknown


def _pictures(results: Sequence[Result]) -> list[Picture]:
    """Return five frames of each photograph with what was said of them, mistakes first."""
    pictures = []
    for name in (*TAUGHT, *(other for other in PHOTOGRAPHS if other not in TAUGHT)):
        shown = sorted((r for r in results if r.frame.source == name), key=_right)[:EXAMPLES]
        for result in shown:
            said = (
                "unknown" if result.prediction.unknown else f"{result.prediction.label} {result.prediction.score:.0%}"
            )
            pictures.append(Picture(_image(result), f"{name}: {said}", _right(result)))
    return pictures


def _image(result: Result) -> Frame:
    return result.frame.image
