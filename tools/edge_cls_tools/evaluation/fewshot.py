"""How good an embedding is to teach on: few-shot accuracy of a head on folders of photos.

Each trial draws classes, a few examples of each to teach, and other photos of them to ask (Vinyals et al., "Matching
Networks for One Shot Learning", 2016). The same seed draws the same trials for every model, so that two can
be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.errors import DatasetError, ModelError
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.learning.learner import LabeledEmbedding, Learner
from edge_cls.model.model import Model
from edge_cls_tools.dataset.loading import all_photos
from edge_cls_tools.io.batches import Advance, Pixels, batches

QUERIES = 15
"""Photos of each class that are asked in a trial, at most."""
BASELINE = "knn3"
"""The usual head of a device: the majority of the 3 nearest by cosine; a tie goes to the nearest."""
NAMES = (*HEAD_NAMES[:-1], BASELINE)
"""The heads that can be measured: all that answer with a class."""


@dataclass(frozen=True)
class FewShot:
    """Mean accuracy over the trials, in [0, 1], and half the width of its 95 % confidence interval.

    `chosen`: of `auto`, how often it chose which head.
    """

    set: str
    ways: int
    shots: int
    head: str
    accuracy: float
    ci95: float
    trials: int
    chosen: dict[str, int] | None = None


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A data set as a model sees it: the embedding of each photo, and its class, (n,)."""

    name: str
    embeddings: Sequence[QuantizedVector]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """The photos of a trial by index: what is taught, in turn one of each class, and what is asked; (class, photo)."""

    taught: list[tuple[int, int]]
    asked: list[tuple[int, int]]


class Embedder(Protocol):
    """What sees photos: an int8 model as the device runs it, or a Keras backbone."""

    @property
    def contract(self) -> Preprocessing:
        """How it wants its pixels."""
        ...

    def embed(self, pixels: Pixels) -> NDArray[np.float32] | Sequence[QuantizedVector]:
        """Return what it says of `pixels`, uint8 (n, height, width, 3): float32 (n, dim), or as the device has it."""
        ...


class DeviceModel:
    """A `.tflite` model as an `Embedder`. Raises ModelError where it has no embedding."""

    def __init__(self, model: Model) -> None:
        if not model.teachable:
            raise ModelError(
                f"{model.file.path} has no embedding", hint="use a backbone, or a model of 'edge-cls quantize'"
            )
        self._model = model
        self.contract = model.contract

    def embed(self, pixels: Pixels) -> list[QuantizedVector]:
        """Return the embeddings of `pixels`, uint8 (n, height, width, 3)."""
        embeddings = [self._model.infer(one).embedding for one in pixels]
        return [embedding for embedding in embeddings if embedding is not None]


def embed_set(embedder: Embedder, root: Path, *, advance: Advance) -> EmbeddedSet:
    """Return all photos at `root`, of whatever split, as `embedder` sees them. Raises DatasetError."""
    photos = all_photos(root)
    embeddings: list[QuantizedVector] = []
    for batch in batches([photo.path for photo in photos], embedder.contract, advance):
        embeddings += as_stored(embedder.embed(batch))
    return EmbeddedSet(root.name, embeddings, np.array([photo.label for photo in photos]))


def as_stored(embeddings: NDArray[np.float32] | Sequence[QuantizedVector]) -> Sequence[QuantizedVector]:
    """Return embeddings as a memory keeps them: floats, (n, dim), become int8."""
    if isinstance(embeddings, np.ndarray):
        return [quantize_vector(embedding, 1.0, 0) for embedding in embeddings]
    return embeddings


def draw_trials(data: EmbeddedSet, *, ways: int, shots: int, trials: int, seed: int = 0) -> Iterator[Trial]:
    """Give trials of `shots` examples of each of `ways` classes (or as many as there are).

    Raises DatasetError where fewer than two classes have more photos than `shots`.
    """
    of_class = [np.flatnonzero(data.labels == label) for label in np.unique(data.labels)]
    eligible = [photos for photos in of_class if len(photos) > shots]
    if len(eligible) < 2:
        raise DatasetError(
            f"{data.name} has {len(eligible)} classes with more than {shots} photos", hint="choose fewer shots"
        )
    for trial in range(trials):
        rng = np.random.default_rng([seed, shots, trial])
        chosen = rng.choice(len(eligible), min(ways, len(eligible)), replace=False)
        classes = [rng.permutation(eligible[i]).tolist() for i in chosen]
        # One example of each class at a time, as somebody who teaches would.
        taught = [(label, photos[shot]) for shot in range(shots) for label, photos in enumerate(classes)]
        asked = [(label, photo) for label, photos in enumerate(classes) for photo in photos[shots : shots + QUERIES]]
        yield Trial(taught, asked)


def few_shot(
    data: EmbeddedSet, *, ways: int, shots: int, heads: Sequence[str], trials: int, seed: int = 0
) -> list[FewShot]:
    """Return the accuracy of each of `heads` on the same trials, of those that `draw_trials` says."""
    accuracies: dict[str, list[float]] = {head: [] for head in heads}
    chosen: Counter[str] = Counter()
    classes = 0
    for trial in draw_trials(data, ways=ways, shots=shots, trials=trials, seed=seed):
        classes = len({label for label, _ in trial.taught})
        taught = [LabeledEmbedding(str(photo), str(label), data.embeddings[photo]) for label, photo in trial.taught]
        for name, hits in accuracies.items():
            if name == BASELINE:
                hits.append(_majority(data, trial))
                continue
            learner = Learner(head=name)
            learner.fit(taught)
            right = [_answer(learner, data.embeddings[photo]) == label for label, photo in trial.asked]
            hits.append(sum(right) / len(right))
            choice = learner.why()
            if name == "auto" and choice is not None:
                chosen[str(choice.plan)] += 1
    results = []
    for name, hits in accuracies.items():
        mean, deviation = float(np.mean(hits)), float(np.std(hits, ddof=1)) if trials > 1 else 0.0
        tally = dict(chosen.most_common()) if name == "auto" else None
        results.append(FewShot(data.name, classes, shots, name, mean, 1.96 * deviation / trials**0.5, trials, tally))
    return results


def margins(results: Sequence[FewShot]) -> list[tuple[str, int, float | None, float | None]]:
    """Return by how much `auto` is above the best single head, and above the baseline: (set, shots, both).

    In points of accuracy, 0 to 1; None where none was measured. Last, under the set "mean", come the means over the
    sets; all on the same trials.
    """
    rows: list[tuple[str, int, float | None, float | None]] = []
    table: dict[tuple[str, int], dict[str, float]] = {}
    for one in results:
        table.setdefault((one.set, one.shots), {})[one.head] = one.accuracy
    for (name, shots), row in table.items():
        if "auto" in row:
            single = [accuracy for head, accuracy in row.items() if head not in ("auto", BASELINE)]
            above_best = row["auto"] - max(single) if single else None
            rows.append((name, shots, above_best, row["auto"] - row[BASELINE] if BASELINE in row else None))
    for shots in sorted({row[1] for row in rows}):
        of_shots = [row for row in rows if row[1] == shots]
        if len(of_shots) > 1:
            rows.append(("mean", shots, _mean([row[2] for row in of_shots]), _mean([row[3] for row in of_shots])))
    return rows


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _answer(learner: Learner, embedding: QuantizedVector) -> int:
    scores = learner.predict(embedding).scores
    return int(max(scores, key=scores.__getitem__))


def _majority(data: EmbeddedSet, trial: Trial) -> float:
    taught, asked = (
        np.stack([data.embeddings[photo].dequantize() for _, photo in part]) for part in (trial.taught, trial.asked)
    )
    taught, asked = (part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in (taught, asked))
    hits = 0
    for cosines, (label, _) in zip(asked @ taught.T, trial.asked, strict=True):
        nearest = [trial.taught[index][0] for index in np.argsort(-cosines, kind="stable")[:3]]
        hits += max(nearest, key=nearest.count) == label  # the first, the nearest, of those with most votes
    return hits / len(trial.asked)
