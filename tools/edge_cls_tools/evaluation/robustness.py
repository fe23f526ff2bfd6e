"""Robustness: the accuracy of a model on corrupted photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls.images.preprocess import Frame, resize
from edge_cls.images.reading import read_image
from edge_cls.model.model import Model
from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.evaluation.corruptions import CORRUPTIONS, STRENGTHS, Corruption
from edge_cls_tools.evaluation.predictions import class_probabilities
from edge_cls_tools.io.batches import Advance

WORKING_SIDE = 480
"""Length in pixels to which the shorter side of larger photos is reduced: on twelve megapixels, the noise of single
pixels would vanish when the photo is resized to the input of the model."""


@dataclass(frozen=True)
class CorruptionResult:
    """The accuracy, in [0, 1], under one kind of corruption at each of its strengths, weakest first."""

    unit: str
    strengths: tuple[float, ...]
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class Robustness:
    """The accuracy, in [0, 1], on the same photos, unchanged and corrupted.

    A stratified sample of `photos` of the `available` ones was used. `mean_accuracy` is the mean over all kinds and
    strengths.
    """

    photos: int
    available: int
    clean_accuracy: float
    mean_accuracy: float
    kinds: dict[str, CorruptionResult]


def measure_robustness(model: Model, photos: Sequence[Photo], *, limit: int, advance: Advance) -> Robustness:
    """Return the accuracy of a classifier on at most `limit` of `photos`, under every kind and strength of corruption.

    Random numbers depend on the content of the photos only, so that every run and every model gets the same corrupted
    photos. `advance` is called with the number of photos done. Raises ImageError if a photo cannot be read.
    """
    sample = stratified_sample(photos, limit)
    clean = 0
    hits = np.zeros((len(CORRUPTIONS), STRENGTHS), np.int64)
    for photo in sample:
        frame, backdrop = working_frame(photo), backdrop_of(photo, photos)
        clean += _correct(model, frame, photo)
        for row, kind in zip(hits, CORRUPTIONS, strict=True):
            row += [_correct(model, corrupted, photo) for corrupted in corrupted_frames(kind, photo, frame, backdrop)]
        advance(1)
    accuracy = hits / len(sample)
    kinds = {
        kind.name: CorruptionResult(kind.unit, kind.strengths, tuple(row.tolist()))
        for kind, row in zip(CORRUPTIONS, accuracy, strict=True)
    }
    return Robustness(len(sample), len(photos), clean / len(sample), float(accuracy.mean()), kinds)


def stratified_sample(photos: Sequence[Photo], limit: int) -> list[Photo]:
    """Return at most `limit` of `photos`, chosen by content, with the class shares of all."""
    sizes, taken = Counter(photo.label for photo in photos), Counter[int]()
    ranked = []
    for photo in sorted(photos, key=lambda photo: photo.digest):
        taken[photo.label] += 1
        ranked.append(((taken[photo.label] - 0.5) / sizes[photo.label], photo))
    return [photo for _, photo in sorted(ranked, key=lambda one: (one[0], one[1].digest))][:limit]


def working_frame(photo: Photo) -> Frame:
    """Return the photo, its shorter side reduced to WORKING_SIDE if it is longer."""
    frame = read_image(photo.path)
    height, width = frame.shape[:2]
    scale = min(1.0, WORKING_SIDE / min(height, width))
    return resize(frame, round(width * scale), round(height * scale))


def backdrop_of(photo: Photo, photos: Sequence[Photo]) -> Frame:
    """Return one of `photos` of another class, or noise if there is none."""
    others = sorted((other for other in photos if other.label != photo.label), key=lambda other: other.digest)
    rng = _rng(photo, "backdrop")
    if not others:
        return rng.integers(0, 256, (64, 64, 3), np.uint8)
    return working_frame(others[rng.integers(len(others))])


def corrupted_frames(kind: Corruption, photo: Photo, frame: Frame, backdrop: Frame) -> Iterator[Frame]:
    """Yield `frame`, which shows `photo`, corrupted with each strength."""
    return (kind.apply(frame, strength, _rng(photo, kind.name), backdrop) for strength in kind.strengths)


def _rng(photo: Photo, purpose: str) -> np.random.Generator:
    return np.random.default_rng([*photo.digest, *purpose.encode()])


def _correct(model: Model, frame: Frame, photo: Photo) -> bool:
    return int(class_probabilities(model, frame).argmax()) == photo.label
