"""How much a model's accuracy suffers from what happens to photos outside of the data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls.images.preprocess import Frame, resize
from edge_cls.images.reading import read_image
from edge_cls.model.model import Model
from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.evaluation.corruptions import PERTURBATIONS, STRENGTHS, Corruption
from edge_cls_tools.evaluation.predictions import class_probabilities
from edge_cls_tools.io.batches import Advance

WORKING_SIDE = 480
"""The shorter side, in pixels, that larger photos are shrunk to: on twelve megapixels the noise of a pixel would vanish
when the photo shrinks to what the model sees."""


@dataclass(frozen=True)
class CorruptionResult:
    """The accuracy, in [0, 1], under one kind of change at each of its strengths, weakest first."""

    unit: str
    strengths: tuple[float, ...]
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class Robustness:
    """Accuracy on the same photos, as they are and changed.

    `photos` of `available` were used, a stratified sample. `mean_accuracy` is the mean over all kinds and strengths.
    """

    photos: int
    available: int
    clean_accuracy: float
    mean_accuracy: float
    kinds: dict[str, CorruptionResult]


def measure_robustness(model: Model, photos: Sequence[Photo], *, limit: int, advance: Advance) -> Robustness:
    """Measure a classifier on `photos`, `limit` of them at most, under every kind and strength of change.

    Chance depends on the content of the photos alone, so that every run, and every model, meets the same changes.
    """
    sample = stratified_sample(photos, limit)
    clean = 0
    hits = np.zeros((len(PERTURBATIONS), STRENGTHS), np.int64)
    for photo in sample:
        frame, backdrop = working_frame(photo), backdrop_of(photo, photos)
        clean += _right(model, frame, photo)
        for row, kind in zip(hits, PERTURBATIONS, strict=True):
            row += [_right(model, changed, photo) for changed in changes(kind, photo, frame, backdrop)]
        advance(1)
    accuracy = hits / len(sample)
    kinds = {
        kind.name: CorruptionResult(kind.unit, kind.strengths, tuple(row.tolist()))
        for kind, row in zip(PERTURBATIONS, accuracy, strict=True)
    }
    return Robustness(len(sample), len(photos), clean / len(sample), float(accuracy.mean()), kinds)


def stratified_sample(photos: Sequence[Photo], limit: int) -> list[Photo]:
    """Return at most `limit` of `photos`, each class with its share, chosen by content."""
    sizes, taken = Counter(photo.label for photo in photos), Counter[int]()
    ranked = []
    for photo in sorted(photos, key=lambda photo: photo.digest):
        taken[photo.label] += 1
        ranked.append(((taken[photo.label] - 0.5) / sizes[photo.label], photo))
    return [photo for _, photo in sorted(ranked, key=lambda one: (one[0], one[1].digest))][:limit]


def working_frame(photo: Photo) -> Frame:
    """Return the photo, its shorter side shrunk to WORKING_SIDE where it is longer."""
    frame = read_image(photo.path)
    height, width = frame.shape[:2]
    scale = min(1.0, WORKING_SIDE / min(height, width))
    return resize(frame, round(width * scale), round(height * scale))


def backdrop_of(photo: Photo, photos: Sequence[Photo]) -> Frame:
    """Return one of `photos` that shows another class, or noise where there is none."""
    others = sorted((other for other in photos if other.label != photo.label), key=lambda other: other.digest)
    rng = _chance(photo, "backdrop")
    if not others:
        return rng.integers(0, 256, (64, 64, 3), np.uint8)
    return working_frame(others[rng.integers(len(others))])


def changes(kind: Corruption, photo: Photo, frame: Frame, backdrop: Frame) -> Iterator[Frame]:
    """Yield `frame`, which shows `photo`, changed with each strength."""
    return (kind.draw(frame, strength, _chance(photo, kind.name), backdrop) for strength in kind.strengths)


def _chance(photo: Photo, message: str) -> np.random.Generator:
    return np.random.default_rng([*photo.digest, *message.encode()])


def _right(model: Model, frame: Frame, photo: Photo) -> bool:
    return int(class_probabilities(model, frame).argmax()) == photo.label
