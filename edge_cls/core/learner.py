"""What has been taught, as the device uses it: examples come and go by their identity, frames are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.heads.knn import KNN
from edge_cls.core.openset import FALSE_ACCEPT, STRANGER, OpenSet, sample
from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.vectors import Vector, Vectors


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

    def __init__(self, *, head: str = "auto", false_accept: float = FALSE_ACCEPT, stranger: float = STRANGER) -> None:
        self._head_name = head
        self._false_accept = false_accept
        self.stranger = stranger
        self.fit(())

    def fit(self, lessons: Iterable[Lesson]) -> None:
        """Learn `lessons` and nothing else."""
        self._vectors = Vectors()
        self._lessons: list[Lesson] = []
        self._head = KNN()
        self._openset: OpenSet | None = None
        for lesson in lessons:
            self.add(lesson)

    def add(self, lesson: Lesson) -> None:
        """Learn one more."""
        vector = lesson.embedding.dequantize()
        self._head.add(vector, lesson.label)
        self._vectors.append(lesson.embedding)
        self._lessons.append(lesson)
        self._openset = None

    def remove(self, identity: str) -> None:
        """Forget the example `identity`. Raises KeyError where there is none."""
        lessons = list(self._lessons)
        lessons.pop(self._index(identity))
        self.fit(lessons)

    def relabel(self, identity: str, label: str) -> None:
        """Take the example `identity` for one of `label` from now on. Raises KeyError where there is none."""
        lessons = list(self._lessons)
        index = self._index(identity)
        lessons[index] = replace(lessons[index], label=label)
        self.fit(lessons)

    def _index(self, identity: str) -> int:
        for index, lesson in enumerate(self._lessons):
            if lesson.id == identity:
                return index
        raise KeyError(identity)

    def __len__(self) -> int:
        return len(self._lessons)

    def __contains__(self, identity: object) -> bool:
        return any(lesson.id == identity for lesson in self._lessons)

    @property
    def labels(self) -> list[str]:
        """What each example shows, in the order of `ids`."""
        return [lesson.label for lesson in self._lessons]

    def classes(self) -> dict[str, int]:
        """Return the taught labels, in the order in which they came, and how many examples each has."""
        counts: dict[str, int] = {}
        for lesson in self._lessons:
            counts[lesson.label] = counts.get(lesson.label, 0) + 1
        return counts

    def judge(self, embedding: QuantizedVector) -> Judgement:
        """Return what `embedding` is taken for."""
        distances = self._head.distances(embedding.dequantize())
        if not len(distances):
            return Judgement({}, unknown=True)
        confidence = self._familiar(embedding.dequantize())
        scores = {label: share * confidence for label, share in self._head.predict(distances).items()}
        return Judgement(scores, unknown=confidence < 0.5)

    def _familiar(self, vector: Vector) -> float:
        """Return how sure it is that `vector` shows something taught; after a teach, fit the threshold first."""
        if self._openset is None:
            labels = self.labels
            self._judges = sample(labels)
            units = np.stack([self._vectors[index] for index in self._judges])
            units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
            judging = [labels[index] for index in self._judges]
            self._openset = OpenSet(units @ units.T, judging, false_accept=self._false_accept, stranger=self.stranger)
        return float(self._openset.confidence(self._vectors.cosines(vector)[self._judges]))

    def leave_one_out(self) -> NDArray[np.float64]:
        """Return what each example is taken for when it alone is left out.

        Float64 (n, classes): the probabilities of each class, a row an example in the order of `ids`, a column a class
        in the order of `classes()`. A class that has no other example scores 0; where it is the only one, the row is 0.
        """
        labels = list(self.classes())
        scores = np.zeros((len(self._lessons), len(labels)))
        for row, lesson in enumerate(self._lessons):
            head = KNN()
            for other in self._lessons:
                if other.id != lesson.id:
                    head.add(other.embedding.dequantize(), other.label)
            for label, share in head.predict(head.distances(lesson.embedding.dequantize())).items():
                scores[row, labels.index(label)] = share
        return scores

    @property
    def ids(self) -> list[str]:
        """The identity of each example."""
        return [lesson.id for lesson in self._lessons]

    def nearest(self, embedding: QuantizedVector, count: int) -> list[Neighbour]:
        """Return the `count` examples that are nearest to `embedding`, the nearest first."""
        cosines = self._vectors.cosines(embedding.dequantize())
        order = np.argsort(-cosines, kind="stable")[:count]
        return [
            Neighbour(self._lessons[index].id, self._lessons[index].label, float(cosines[index])) for index in order
        ]
