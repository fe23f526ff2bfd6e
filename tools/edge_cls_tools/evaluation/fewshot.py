"""How good an embedding is to teach on: few-shot accuracy of a head on folders of photos.

Each trial draws classes, a few examples of each to teach, and other photos of them to ask (Vinyals et al., "Matching
Networks for One Shot Learning", 2016). The same seed draws the same trials for every model, so that two can
be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.heads import Head
from edge_cls.core.heads.knn import KNN
from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import DatasetError, ModelError
from edge_cls.model import Model
from edge_cls_tools.dataset import all_photos
from edge_cls_tools.pixels import Advance, Pixels, batches

QUERIES = 15
"""Photos of each class that are asked in a trial, at most."""
HEADS: dict[str, Callable[[], Head]] = {"knn": KNN}


@dataclass(frozen=True)
class FewShot:
    """Mean accuracy over the trials, in [0, 1], and half the width of its 95 % confidence interval."""

    set: str
    ways: int
    shots: int
    head: str
    accuracy: float
    ci95: float
    trials: int


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A data set as a model sees it: embeddings, float32 (n, dim), and the class of each, (n,)."""

    name: str
    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]


class Embedder(Protocol):
    """What sees photos: an int8 model as the device runs it, or a Keras backbone."""

    @property
    def contract(self) -> Preprocessing:
        """How it wants its pixels."""
        ...

    def embed(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the embeddings, float32 (n, dim), of `pixels`, uint8 (n, height, width, 3)."""
        ...


class DeviceModel:
    """A `.tflite` model as an `Embedder`. Raises ModelError where it has no embedding."""

    def __init__(self, model: Model) -> None:
        if not model.teachable:
            raise ModelError(
                f"{model.file.path} has no embedding", mend="use a backbone, or a model of 'edge-cls quantize'"
            )
        self._model = model
        self.contract = model.contract

    def embed(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return what `Embedder.embed` says."""
        embeddings = [self._model.infer(one).embedding for one in pixels]
        return np.stack([embedding.dequantize() for embedding in embeddings if embedding is not None])


def embed_set(embedder: Embedder, root: Path, *, advance: Advance) -> EmbeddedSet:
    """Return all photos at `root`, of whatever split, as `embedder` sees them. Raises DatasetError."""
    photos = all_photos(root)
    vectors = [embedder.embed(batch) for batch in batches([photo.path for photo in photos], embedder.contract, advance)]
    return EmbeddedSet(root.name, np.concatenate(vectors), np.array([photo.label for photo in photos]))


def few_shot(data: EmbeddedSet, *, ways: int, shots: int, head: str, trials: int, seed: int = 0) -> FewShot:
    """Return the accuracy of `head`, taught with `shots` examples of each of `ways` classes (or as many as there are).

    Raises DatasetError where fewer than two classes have more photos than `shots`.
    """
    of_class = [np.flatnonzero(data.labels == label) for label in np.unique(data.labels)]
    eligible = [photos for photos in of_class if len(photos) > shots]
    if len(eligible) < 2:
        raise DatasetError(
            f"{data.name} has {len(eligible)} classes with more than {shots} photos", mend="choose fewer shots"
        )
    ways = min(ways, len(eligible))
    accuracies = []
    for trial in range(trials):
        rng = np.random.default_rng([seed, shots, trial])
        chosen = [rng.permutation(eligible[i]) for i in rng.choice(len(eligible), ways, replace=False)]
        accuracies.append(_trial(data.embeddings, chosen, shots, HEADS[head]()))
    mean, deviation = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1)) if trials > 1 else 0.0
    return FewShot(data.name, ways, shots, head, mean, 1.96 * deviation / trials**0.5, trials)


def _trial(embeddings: NDArray[np.float32], classes: Sequence[NDArray[np.int64]], shots: int, head: Head) -> float:
    # One example of each class at a time, as somebody who teaches would.
    for shot in range(shots):
        for label, photos in enumerate(classes):
            head.add(embeddings[photos[shot]], str(label))
    hits = []
    for label, photos in enumerate(classes):
        for query in photos[shots : shots + QUERIES]:
            votes = head.predict(head.distances(embeddings[query]))
            hits.append(max(votes, key=votes.__getitem__) == str(label))
    return float(np.mean(hits))
