"""What has been taught, as the device uses it: examples come and go by their identity, frames are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.heads.calibration import probabilities
from edge_cls.learning.heads.examples import LIMIT, Examples, Query
from edge_cls.learning.heads.head import Head
from edge_cls.learning.heads.knn import KNN
from edge_cls.learning.heads.regression import as_number, leave_one_out_error, value
from edge_cls.learning.heads.selection import Choice, Plan, choose, plans
from edge_cls.learning.open_set import FALSE_ACCEPT, MAX_EXAMPLES, UNKNOWN_DISTANCE, OpenSet


@dataclass(frozen=True)
class LabeledEmbedding:
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
class HeadPrediction:
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
    for a taught class. `unknown_distance`: the cosine distance that photos of different things usually have.
    """

    def __init__(
        self, *, head: str = "auto", false_accept: float = FALSE_ACCEPT, unknown_distance: float = UNKNOWN_DISTANCE
    ) -> None:
        plans(head)  # an unknown one is refused now
        self._head_name = head
        self._false_accept = false_accept
        self.unknown_distance = unknown_distance
        self.fit(())

    def fit(self, examples: Iterable[LabeledEmbedding]) -> None:
        """Learn `examples` and nothing else. Raises as `add` does, with all as it was."""
        examples = list(examples)
        for example in examples:
            self.check(example.label)
        self._examples = Examples()
        self._ids: list[str] = []
        self._index: dict[str, int] = {}
        self._openset: OpenSet | None = None
        self._choice: Choice | None = None
        self._plan: Plan | None = None
        self._head: Head | None = None
        for example in examples:
            self.add(example)

    def copy(self) -> Learner:
        """Return a learner of the same examples, which shares nothing with this one and has nothing worked out yet."""
        copied = Learner(head=self._head_name, false_accept=self._false_accept, unknown_distance=self.unknown_distance)
        copied._examples = self._examples.subset(np.arange(len(self)))
        copied._ids, copied._index = list(self._ids), dict(self._index)
        return copied

    def prepare(self) -> None:
        """Work out all that the first judgement after a change needs: the head is chosen, and the open set fitted."""
        if len(self):
            self.predict(self._examples.vectors.quantized(0))

    def check(self, label: str) -> None:
        """Raise LabelError for a label that cannot be taught: with a regression, all that is no number."""
        if self._head_name == "knn-regression":
            as_number(label)

    def add(self, example: LabeledEmbedding) -> None:
        """Learn one more. Raises LabelError where a regression is taught what is no number."""
        self.check(example.label)
        self._examples.append(example.embedding, example.label)
        self._index[example.id] = len(self._ids)
        self._ids.append(example.id)
        self._choice = self._openset = None
        if self._head is not None:
            self._head.add()

    def remove(self, identity: str) -> None:
        """Forget the example `identity`. Raises KeyError where there is none."""
        index = self._index.pop(identity)
        if self._head is not None:
            self._head.remove(index)
        self._examples.remove(index)
        self._choice = self._openset = None
        last = self._ids.pop()
        if last != identity:
            self._ids[index] = last
            self._index[last] = index

    def relabel(self, identity: str, label: str) -> None:
        """Take the example `identity` for one of `label` from now on. Raises KeyError where there is none."""
        embedding = self._examples.vectors.quantized(self._index[identity])
        self.remove(identity)
        self.add(LabeledEmbedding(identity, label, embedding))

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, identity: object) -> bool:
        return identity in self._index

    @property
    def ids(self) -> list[str]:
        """The identity of each example, in an order that forgetting changes."""
        return list(self._ids)

    @property
    def labels(self) -> list[str]:
        """What each example shows, in the order of `ids`."""
        return [self._examples.classes[target] for target in self._examples.targets]

    def classes(self) -> dict[str, int]:
        """Return the taught labels, in the order in which they came, and how many examples each has."""
        return dict(zip(self._examples.classes, self._examples.counts.tolist(), strict=True))

    def different(self) -> dict[str, int]:
        """Return how many examples of each class differ: near duplicates count as one, but not among very many."""
        if len(self) > LIMIT:
            return self.classes()
        counts = dict.fromkeys(self._examples.classes, 0)
        for group in self._examples.groups():
            counts[self._examples.classes[self._examples.targets[group[0]]]] += 1
        return counts

    def predict(self, embedding: QuantizedVector) -> HeadPrediction:
        """Return what `embedding` is taken for."""
        if not len(self):
            return HeadPrediction({}, unknown=True)
        choice, head = self._chosen()
        query = self._examples.query(embedding.dequantize())
        shares = probabilities(head.predict(query), choice.temperature)
        known = self._familiar(query)
        scores = dict(zip(self._examples.classes, (shares * known).tolist(), strict=True))
        number = value(head, self._examples.classes, query) if self._regression(head) else None
        return HeadPrediction(scores, unknown=known < 0.5, value=number)

    def leave_one_out(self) -> NDArray[np.float64]:
        """Return what each example is taken for when it is left out, and its near duplicates of its class with it.

        Float64 (n, classes): the probabilities of each class, a row an example in the order of `ids`, a column a class
        in the order of `classes()`. The row of an example whose class has nothing else to be known by is 0.
        Above `examples.LIMIT` examples only so many are asked, and the rows of the others are NaN.
        """
        if not len(self):
            return np.empty((0, 0))
        choice, head = self._chosen()
        asked = self._examples.spread(LIMIT)
        if len(asked) < len(self):
            head = choice.plan.make(self._examples.subset(asked), self.unknown_distance)
        answers = np.full((len(self), len(self._examples.classes)), np.nan)
        scores = head.leave_one_out()
        answers[asked] = probabilities(scores, choice.temperature)
        own = scores[np.arange(len(asked)), self._examples.targets[asked]]
        answers[asked[np.isneginf(own)]] = 0.0
        return answers

    def why(self) -> Choice | None:
        """Return which head was chosen, and why; None where nothing has been taught."""
        return self._chosen()[0] if len(self) else None

    def regression_error(self) -> float | None:
        """Return by how much a regression is off on average where the example asked for is left out.

        None of another head, and where nothing is left to answer with.
        """
        if not len(self):
            return None
        examples = self._examples.subset(self._examples.spread(LIMIT))
        head = self._chosen()[0].plan.make(examples, self.unknown_distance)
        return leave_one_out_error(head, examples.classes, examples.targets) if self._regression(head) else None

    def nearest(self, embedding: QuantizedVector, count: int, *, label: str | None = None) -> list[Neighbour]:
        """Return the `count` examples, of all or those of `label`, that are nearest to `embedding`, nearest first."""
        examples = self._examples
        cosines = examples.query(embedding.dequantize()).cosines
        order = np.argsort(-cosines, kind="stable")
        if label is not None:
            order = order[examples.targets[order] == examples.classes.index(label)]
        return [
            Neighbour(self._ids[index], examples.classes[examples.targets[index]], float(cosines[index]))
            for index in order[:count]
        ]

    def _chosen(self) -> tuple[Choice, Head]:
        """Return the choice for what is taught now, and the head, which is made anew only where the choice changed."""
        if self._choice is None or self._head is None:
            self._choice = choose(self._head_name, self._examples, self.unknown_distance)
            if self._head is None or self._choice.plan != self._plan:
                self._plan = self._choice.plan
                self._head = self._plan.make(self._examples, self.unknown_distance)
        return self._choice, self._head

    def _regression(self, head: Head) -> TypeGuard[KNN]:
        return self._head_name == "knn-regression" and isinstance(head, KNN)

    def _familiar(self, query: Query) -> float:
        """Return how sure it is that `query` shows something taught. The first after a change fits the threshold."""
        if self._openset is None:
            self._judges = self._examples.spread(min(MAX_EXAMPLES, LIMIT))  # whose cosines are kept
            examples = self._examples if len(self._judges) == len(self) else self._examples.subset(self._judges)
            self._openset = OpenSet(
                examples.cosines,
                examples.targets,
                examples.groups(),
                false_accept=self._false_accept,
                unknown_distance=self.unknown_distance,
            )
        return float(self._openset.confidence(query.cosines[self._judges]))
