"""Candidates of a training: a backbone and a head, evaluated on the same photos as the device would run them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from edge_cls.model.file import ModelFile, sha256
from edge_cls.model.temperature import with_temperature
from edge_cls_tools.backbones.embedding_cache import EmbeddingCache
from edge_cls_tools.dataset.loading import Dataset, Photo
from edge_cls_tools.linear_head import Embeddings, Head, Labels
from edge_cls_tools.quantization.temperature import fit_temperature
from edge_cls_tools.training.head import balanced_weights, fit_head
from edge_cls_tools.training.model_selection import Score


@dataclass(frozen=True, eq=False)
class Candidate:
    """An int8 backbone, its embeddings of each split, the head on them, and their score on the validation photos."""

    backbone: ModelFile
    train: Embeddings
    validation: Embeddings
    test: Embeddings
    head: Head
    score: Score


class Candidates:
    """Makes candidates from backbones.

    If `balanced` is set, the photos are weighted so that all classes count the same. `weights` are those of a photo of
    each class, (classes,), `truth` the labels of each split by its name, and `data_sha256` identifies all photos.
    """

    def __init__(self, dataset: Dataset, display: Progress, *, balanced: bool) -> None:
        self.dataset, self.display = dataset, display
        self.truth = {
            "train": labels_of(dataset.train),
            "validation": labels_of(dataset.validation),
            "test": labels_of(dataset.test),
        }
        classes = len(dataset.labels)
        self.weights = balanced_weights(self.truth["train"], classes) if balanced else np.ones(classes)
        self._everything = (*dataset.train, *dataset.validation, *dataset.test)
        self.data_sha256 = sha256(b"".join(sorted(photo.digest for photo in self._everything)))

    def candidate(self, backbone: ModelFile, trained_head: Head | None = None) -> Candidate:
        """Return `backbone` with the better of a newly fitted head and `trained_head`, both on int8 embeddings.

        Raises DatasetError if photos cannot be read, ModelError if the backbone has no embedding.
        """
        cache = EmbeddingCache(backbone)
        task = self.display.add_task("embeddings", total=len(cache.missing(self._everything)), note="")
        cache.embed(self._everything, lambda count: self.display.advance(task, count))
        splits = (self.dataset.train, self.dataset.validation, self.dataset.test)
        train, validation, test = (cache.embed(split, lambda _: None) for split in splits)
        fitting = self.display.add_task("head", total=None, note="")
        head = fit_head(
            (train, self.truth["train"]),
            (validation, self.truth["validation"]),
            self.weights,
            progress=lambda tried, accuracy: self.display.update(
                fitting, completed=tried, note=f"validation accuracy {accuracy:.1%}"
            ),
        )
        heads = [head] if trained_head is None else [head, trained_head]
        scores = [self._score(head.probabilities(validation)) for head in heads]
        best = min(range(len(heads)), key=lambda i: scores[i].loss)
        return Candidate(backbone, train, validation, test, heads[best], scores[best])

    def _score(self, probabilities: NDArray[np.float32]) -> Score:
        """Return the weighted accuracy and losses of the validation photos, after temperature scaling."""
        truth = self.truth["validation"]
        calibrated = with_temperature(probabilities, fit_temperature(probabilities, truth))
        weights = self.weights[truth]
        hits = probabilities.argmax(axis=1) == truth
        losses = -np.log(np.maximum(calibrated[np.arange(len(truth)), truth].astype(np.float64), 1e-7))
        return Score(float(np.average(hits, weights=weights)), losses * (weights / weights.mean()))


def paths_of(photos: list[Photo] | tuple[Photo, ...]) -> list[Path]:
    """Return the paths of `photos`."""
    return [photo.path for photo in photos]


def labels_of(photos: tuple[Photo, ...]) -> Labels:
    """Return the class indices of `photos`, (n,)."""
    return np.array([photo.label for photo in photos], np.int64)
