"""Measures what one fixed camera sees: things that were taught by holding a button, other things, and changed light.

    python tools/benchmarks/fixed_camera.py VIDEOS --backbone lite0-160 --backbone builtin

VIDEOS holds the clips of `fixed_camera_scenes.py`. Of each scene, every two or three things are taught by one hold each
and all other labelled frames are classified: those of the taught things, those of the same kind, which are hard to keep
out (another car, the same bottle in a hand), and those of other things of the scene. Pairs of like states are taught in
the same way, and their other frames are classified in ten variations of light and position, with a closed set.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from benchmarks.fixed_camera_scenes import SCENES, LabeledFrame, Scene, labeled_frames
from edge_cls.classifier import Classifier
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.images.grey import grey
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import read_image
from edge_cls.model.model import Model, Outputs
from edge_cls.panels.debounce import HOLD_S, REPEAT_S
from edge_cls_tools.evaluation.corruptions import add_noise, blur_by_defocus, compress, rotate, warm_light

HOLD = (0.0, *(HOLD_S + REPEAT_S * repeat for repeat in range(4)))
"""Seconds from the press at which a held button teaches a frame: five frames in 1.7 s."""
SHARES = ("right", "wrong", "unknown", "same kind let in", "other things let in")
"""The shares that are measured of taught things, the first three, and of those that are not taught."""
TAUGHT = (2, 3)
"""Numbers of things that are taught."""
MOST_VARIED = 12
"""Frames of a thing that are classified in each variation."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A labelled frame with the model's outputs for it."""

    frame: LabeledFrame
    outputs: Outputs
    model: Model

    @cached_property
    def example(self) -> QuantizedVector:
        """The embedding that is learnt if the frame is taught: of its stored crop."""
        return self.model.embed(self.model.crop(self.frame.image))

    @cached_property
    def grey_copy(self) -> QuantizedVector | None:
        """The embedding of the grey copy of the frame, if it is taught."""
        return self.model.infer(grey(read_image(self.model.crop(self.frame.image)))).embedding


@dataclass(frozen=True)
class Holds:
    """How things are taught: each `count` times, at random moments, and with grey copies or without."""

    count: int
    rng: np.random.Generator
    copies: bool


def _scaled(frame: Frame, factor: float, offset: float = 0.0) -> Frame:
    return np.asarray(np.clip(np.rint(frame.astype(np.float32) * factor + offset), 0, 255), np.uint8)


def _knocked(frame: Frame, share: float, degrees: float) -> Frame:
    """Return the frame of a camera that was knocked: shifted by `share` of the shorter side towards `degrees`."""
    height, width = frame.shape[:2]
    length, angle = share * min(height, width), np.radians(degrees)
    matrix = np.array([[1, 0, length * np.cos(angle)], [0, 1, length * np.sin(angle)]])
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8)


VARIATIONS: dict[str, Callable[[Frame, int], Frame]] = {
    "none": lambda frame, _: frame,
    "darker (x 0.6)": lambda frame, _: _scaled(frame, 0.6),
    "brighter (x 1.5)": lambda frame, _: _scaled(frame, 1.5),
    "grey": lambda frame, _: grey(frame),
    "noise (4 %)": lambda frame, number: add_noise(frame, 0.04, np.random.default_rng(number)),
    "knocked (8 %)": lambda frame, number: _knocked(frame, 0.08, 137.5 * number),
    "defocus (1 %)": lambda frame, _: blur_by_defocus(frame, 0.01),
    "warm or cold light": lambda frame, number: warm_light(frame, (4300, 11000)[number % 2]),
    "rotated (5 degrees)": lambda frame, number: rotate(frame, (-5, 5)[number % 2]),
    "JPEG (quality 20)": lambda frame, _: compress(frame, 20),
    "contrast (x 0.6)": lambda frame, _: _scaled(frame, 0.6, 0.4 * float(frame.mean())),
}
"""The variations. Each takes a frame and its number, which chooses a direction."""


def main(
    videos: Annotated[Path, typer.Argument(help="Folder with the clips.")],
    backbone: Annotated[list[str], typer.Option(help="Backbone, as for 'edge-cls run'; may be repeated.")],
    holds: Annotated[int, typer.Option(min=1, help="Random holds of each choice of things.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the random holds.")] = 0,
    copies: Annotated[bool, typer.Option("--grey-copies", help="Learn grey copies, as '--augment grey' does.")] = False,
) -> None:
    """Print the shares of right, wrong and unknown answers, and the right ones under each variation."""
    with quiet_native_libraries():
        for name in backbone:
            _measure(name, videos, Holds(holds, np.random.default_rng(seed), copies))


def _measure(backbone: str, videos: Path, holds: Holds) -> None:
    rows: dict[str, list[float]] = {}
    varied: dict[str, list[float]] = {variation: [] for variation in VARIATIONS}
    with Classifier(backbone) as classifier, Classifier(backbone, closed_set=True) as closed:
        for scene in SCENES:
            seen = [_seen(classifier, frame) for frame in labeled_frames(scene, videos)]
            if row := _open_set(classifier, scene, seen, holds):
                rows[scene.name] = row
            for variation, rights in _varied(closed, scene, seen, holds).items():
                varied[variation] += rights
    typer.echo(f"| {backbone}: scene | {' | '.join(SHARES)} |\n|{'---|' * (1 + len(SHARES))}")
    rows["mean"] = np.nanmean(list(rows.values()), axis=0).tolist()
    for name, shares in rows.items():
        cells = ["" if np.isnan(share) else f"{100 * share:.1f} %" for share in shares]
        typer.echo(f"| {name} | {' | '.join(cells)} |")
    typer.echo(f"\n| {backbone}: variation | right | of the worst pair |\n|---|---|---|")
    for variation, rights in varied.items():
        typer.echo(f"| {variation} | {100 * np.mean(rights):.1f} % | {100 * min(rights):.1f} % |")
    typer.echo()


def _seen(classifier: Classifier, frame: LabeledFrame) -> Seen:
    return Seen(frame, classifier.infer(classifier.prepare(frame.image)), classifier.model)


def _hold(seen: Sequence[Seen], rng: np.random.Generator) -> list[Seen]:
    """Return the five frames of one hold, at a random moment while the thing is seen without a break.

    If it is seen for less time than the hold takes, as in a clip that runs faster than life, the hold is shortened.
    """
    part = rng.choice(np.array([one.frame.part for one in seen]))
    frames = [one for one in seen if one.frame.part == part]
    times = np.array([one.frame.at for one in frames])
    pace = min(1.0, float(times[-1] - times[0]) / HOLD[-1])
    start = times[0] + rng.random() * (times[-1] - times[0] - pace * HOLD[-1])
    return [frames[index] for index in {int(abs(times - start - pace * at).argmin()) for at in HOLD}]


def _teach(classifier: Classifier, seen: Sequence[Seen], things: Sequence[str], holds: Holds) -> set[Seen]:
    """Teach each thing by one hold, and return the taught frames."""
    taught = [one for thing in things for one in _hold([one for one in seen if one.frame.thing == thing], holds.rng)]
    examples = [
        LabeledEmbedding(str(number), one.frame.thing, one.example, one.frame.at) for number, one in enumerate(taught)
    ]
    copies = [
        replace(example, id=f"{example.id} grey", embedding=one.grey_copy, copy_of=example.id)
        for example, one in zip(examples, taught, strict=True)
        if holds.copies and one.grey_copy is not None
    ]
    classifier.learner.fit([*examples, *copies])
    return set(taught)


def _open_set(classifier: Classifier, scene: Scene, seen: Sequence[Seen], holds: Holds) -> list[float]:
    """Return the shares of right, wrong and unknown answers for taught things, of the same kind and others let in.

    They are means over the things, and over all choices of taught things that leave one out. Empty if none does.
    """
    shares: list[list[float]] = [[] for _ in SHARES]
    for count in TAUGHT:
        for things in itertools.combinations(scene.things, count) if count < len(scene.things) else ():
            for _ in range(holds.count):
                taught = _teach(classifier, seen, things, holds)
                for thing in scene.things:
                    answers = [
                        classifier.decide(one.outputs) for one in seen if one.frame.thing == thing and one not in taught
                    ]
                    known = [answer.label for answer in answers if not answer.unknown]
                    right, let_in = known.count(thing) / len(answers), len(known) / len(answers)
                    if thing in things:
                        for into, share in zip(shares, (right, let_in - right, 1 - let_in), strict=False):
                            into.append(share)
                    else:
                        shares[3 if scene.of_a_kind(thing, things) else 4].append(let_in)
    return [float(np.mean(one)) if one else np.nan for one in shares] if shares[0] else []


def _varied(classifier: Classifier, scene: Scene, seen: Sequence[Seen], holds: Holds) -> dict[str, list[float]]:
    """Return the share of right labels of each pair of like states, for each variation."""
    chosen = {
        thing: [of[index] for index in np.unique(np.linspace(0, len(of) - 1, MOST_VARIED).astype(int))]
        for thing in {thing for pair in scene.like for thing in pair}
        for of in [[one for one in seen if one.frame.thing == thing]]
    }
    rights: dict[str, list[float]] = {variation: [] for variation in VARIATIONS}
    outputs = {
        (variation, one): classifier.infer(classifier.prepare(vary(one.frame.image, number)))
        for variation, vary in VARIATIONS.items()
        for of in chosen.values()
        for number, one in enumerate(of)
    }
    for pair in scene.like:
        right: dict[str, list[float]] = {variation: [] for variation in VARIATIONS}
        for _ in range(holds.count):
            taught = _teach(classifier, seen, pair, holds)
            for variation in VARIATIONS:
                for thing in pair:
                    answers = [classifier.decide(outputs[variation, one]) for one in chosen[thing] if one not in taught]
                    named = [answer.label for answer in answers if not answer.unknown]
                    right[variation].append(named.count(thing) / len(answers))
        for variation, shares in right.items():
            rights[variation].append(float(np.mean(shares)))
    return rights


if __name__ == "__main__":
    typer.run(main)
