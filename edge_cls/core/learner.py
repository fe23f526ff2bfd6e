"""What has been taught, as the device uses it: examples come and go by their identity, frames are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_cls.core.heads.knn import KNN
from edge_cls.core.openset import STRANGER, OpenSet
from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.vectors import Vectors


@dataclass(frozen=True)
class Lesson:
    """An example as the learner needs it: its identity, what it shows, and its embedding."""

    id: str
    label: str
    embedding: QuantizedVector


@dataclass(frozen=True)
class Neighbour:
    """An example near a vector, and the cosine of the angle between the two, in [-1, 1]."""

    id: str
    label: str
    cosine: float


@dataclass(frozen=True)
class Judgement:
    """What a vector is taken for.

    `scores` has every taught class, each in [0, 1], together at most 1: what is missing from 1 is the chance that it is
    none of them. `unknown`: it is taken for none of them. `value`: the answer of a regression.
    """

    scores: dict[str, float]
    unknown: bool
    value: float | None = None


class Learner:
    """Learns from examples and judges vectors.

    `head`: how, or "auto", which chooses by leaving examples out. `false_accept`: which share of strangers may be taken
    for a taught class. `stranger`: the cosine distance that photos of different things usually have.
    """

    def __init__(self, *, head: str = "auto", false_accept: float = 0.05, stranger: float = STRANGER) -> None:
        self._head_name = head
        self._false_accept = false_accept
        self._stranger = stranger
        self.fit(())

    def fit(self, lessons: Iterable[Lesson]) -> None:
        """Learn `lessons` and nothing else."""
        self._vectors = Vectors()
        self._ids: list[str] = []
        self._labels: list[str] = []
        self._head, self._openset = KNN(), OpenSet(self._stranger)
        for lesson in lessons:
            self.add(lesson)

    def add(self, lesson: Lesson) -> None:
        """Learn one more."""
        vector = lesson.embedding.dequantize()
        self._openset.add(lesson.label, self._head.distances(vector), self._head.labels)
        self._head.add(vector, lesson.label)
        self._vectors.append(lesson.embedding)
        self._ids.append(lesson.id)
        self._labels.append(lesson.label)

    def remove(self, identity: str) -> None:
        """Forget the example `identity`. Raises KeyError where there is none."""
        raise NotImplementedError

    def relabel(self, identity: str, label: str) -> None:
        """Take the example `identity` for one of `label` from now on. Raises KeyError where there is none."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._ids)

    def classes(self) -> dict[str, int]:
        """Return the taught labels, in the order in which they came, and how many examples each has."""
        counts: dict[str, int] = {}
        for label in self._labels:
            counts[label] = counts.get(label, 0) + 1
        return counts

    def judge(self, embedding: QuantizedVector) -> Judgement:
        """Return what `embedding` is taken for."""
        distances = self._head.distances(embedding.dequantize())
        if not len(distances):
            return Judgement({}, unknown=True)
        confidence = self._openset.confidence(float(distances.min()))
        scores = {label: share * confidence for label, share in self._head.predict(distances).items()}
        return Judgement(scores, unknown=confidence < 0.5)

    def nearest(self, embedding: QuantizedVector, count: int) -> list[Neighbour]:
        """Return the `count` examples that are nearest to `embedding`, the nearest first."""
        cosines = self._vectors.cosines(embedding.dequantize())
        order = np.argsort(-cosines, kind="stable")[:count]
        return [Neighbour(self._ids[index], self._labels[index], float(cosines[index])) for index in order]
