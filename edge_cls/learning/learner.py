"""The learner: holds the taught examples by their identity and classifies embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.bank import Bank
from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.labels import BACKGROUND
from edge_cls.core.neighbour import Neighbour
from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.heads.calibration import probabilities
from edge_cls.learning.heads.examples import LIMIT, Examples, Query
from edge_cls.learning.heads.head import Head, RegressionHead
from edge_cls.learning.heads.regression import as_number
from edge_cls.learning.heads.selection import Choice, choose
from edge_cls.learning.heads.table import Plan, is_regression, plans
from edge_cls.learning.open_set import UNKNOWN_DISTANCE
from edge_cls.learning.rejection import Rejection
from edge_cls.learning.threshold import FALSE_ACCEPT, Rates
from edge_cls.learning.views import sample

NEAREST = 3
"""Examples that a prediction names."""


@dataclass(frozen=True)
class HeadPrediction:
    """The prediction for an embedding.

    `scores` has every taught class, each in [0, 1]; their sum is 1. `known`: the probability that the embedding shows
    any of them, in [0, 1]. `nearest`: the NEAREST most similar examples, nearest first. `value`: the predicted number
    of a regression, None of other heads.
    """

    scores: dict[str, float]
    known: float
    nearest: tuple[Neighbour, ...] = ()
    value: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether the embedding is rejected as none of the taught classes."""
        return self.known < 0.5


class Learner:
    """Learns from labeled embeddings and classifies embeddings. For one thread.

    `head`: a name of `heads.names.HEAD_NAMES`; "auto" selects one by leave-one-out. `bank`: generic photos, from which
    the threshold between known and unknown comes. `false_accept`: the rate of pictures of quite other things that may
    be taken for a taught class, in (0, 1). `unknown_distance`: the typical cosine distance between photos of different
    objects, if there is no bank; None if it was not measured. `closed_set`: everything shows one of the taught classes,
    so nothing is unknown. Raises ConfigError if there is no such head.

    The class `background` stands for nothing: its examples are negatives, and what looks like it is not unknown.
    """

    def __init__(
        self,
        *,
        head: str = "auto",
        bank: Bank | None = None,
        false_accept: float = FALSE_ACCEPT,
        unknown_distance: float | None = None,
        closed_set: bool = False,
    ) -> None:
        plans(head)  # refuses an unknown head now, not with the first prediction
        self._head_name = head
        self._bank = bank
        self._false_accept = false_accept
        self._closed_set = closed_set
        if bank is not None:
            unknown_distance = bank.distance
        self.unknown_distance = UNKNOWN_DISTANCE if unknown_distance is None else unknown_distance
        self.fit(())

    def fit(self, examples: Iterable[LabeledEmbedding]) -> None:
        """Replace everything learnt by `examples`. Raises as `add` does, and then changes nothing."""
        examples = list(examples)
        for example in examples:
            self.check(example.label)
        self._examples = Examples()
        self._ids: list[str] = []
        self._index: dict[str, int] = {}
        self._originals: dict[str, str] = {}  # the example of each copy
        self._rejection: Rejection | None = None
        self._choice: Choice | None = None
        self._plan: Plan | None = None
        self._head: Head | None = None
        for example in examples:
            self.add(example)

    def copy(self) -> Learner:
        """Return a learner with the same examples. It shares no data with this one, and its head is not fitted yet."""
        copied = Learner(
            head=self._head_name,
            bank=self._bank,
            false_accept=self._false_accept,
            unknown_distance=self.unknown_distance,
            closed_set=self._closed_set,
        )
        copied._examples = self._examples.subset(np.arange(len(self._ids)))
        copied._ids, copied._index, copied._originals = list(self._ids), dict(self._index), dict(self._originals)
        return copied

    def prepare(self) -> None:
        """Do now the work that the first prediction after a change needs: select and fit the head and the open set."""
        if len(self):
            self.predict(self._examples.vectors.quantized(0))

    def check(self, label: str) -> None:
        """Raise LabelError if `label` cannot be taught: a regression takes only numbers."""
        if is_regression(self._head_name):
            as_number(label)

    def add(self, example: LabeledEmbedding) -> None:
        """Learn one more example, or the copy of one; an example has at most one copy.

        Raises LabelError if the head is a regression and the label not a number, ValueError if the embedding has
        another dimension than the first, and KeyError if the example of a copy is not there.
        """
        self.check(example.label)
        original = None if example.copy_of is None else self._index[example.copy_of]
        self._examples.append(example.embedding, example.label, taught_at=example.taught_at, copy_of=original)
        self._index[example.id] = len(self._ids)
        self._ids.append(example.id)
        if example.copy_of is not None:
            self._originals[example.id] = example.copy_of
        self._choice = self._rejection = None
        if self._head is not None:
            self._head.add()

    def remove(self, identity: str) -> None:
        """Forget the example `identity` and its copy. Raises KeyError if there is none."""
        index = self._index.pop(identity)
        if self._head is not None:
            self._head.remove(index)
        self._examples.remove(index)
        self._choice = self._rejection = None
        last = self._ids.pop()
        if last != identity:
            self._ids[index] = last
            self._index[last] = index
        if (copy := self._copy_of(identity)) is not None:
            del self._originals[copy]
            self.remove(copy)

    def relabel(self, identity: str, label: str) -> None:
        """Move the example `identity`, and its copy, to the class `label`. Raises KeyError if there is none."""
        moved = [self._example(identity, label)]
        if (copy := self._copy_of(identity)) is not None:
            moved.append(replace(self._example(copy, label), copy_of=identity))
        self.remove(identity)
        for example in moved:
            self.add(example)

    def __len__(self) -> int:
        """Return the number of examples, without copies."""
        return len(self._ids) - len(self._originals)

    def __contains__(self, identity: object) -> bool:
        return identity in self._index

    @property
    def ids(self) -> list[str]:
        """The identity of each example, without copies. Removing an example changes the order."""
        return [self._ids[row] for row in self._rows]

    @property
    def labels(self) -> list[str]:
        """The label of each example, in the order of `ids`."""
        return [self._examples.classes[target] for target in self._examples.targets[self._rows]]

    def classes(self) -> dict[str, int]:
        """Return the number of examples of each taught label, in the order in which the labels were taught.

        Copies are not counted.
        """
        counts = np.bincount(self._examples.targets[self._rows], minlength=len(self._examples.classes))
        return dict(zip(self._examples.classes, counts.tolist(), strict=True))

    def members(self, label: str) -> tuple[list[str], NDArray[np.float32]]:
        """Return the ids of the examples of a class, and their embeddings normalised to length 1, float32 (n, dim).

        Of more than `views.COMPARED` examples, evenly spread ones are returned.
        """
        of_class = self._examples.targets[self._rows] == self._examples.classes.index(label)
        indices = sample(self._rows[of_class])
        return [self._ids[index] for index in indices], self._examples.units(indices)

    def predict(self, embedding: QuantizedVector) -> HeadPrediction:
        """Return the prediction for `embedding`."""
        if not len(self):
            return HeadPrediction({}, known=0.0)
        choice, head = self._selected()
        query = self._examples.query(embedding.dequantize())
        shares = probabilities(head.predict(query), choice.temperature)
        scores = dict(zip(self._examples.classes, shares.tolist(), strict=True))
        number = cast("RegressionHead", head).value(query) if is_regression(choice.plan.head) else None
        known = self._known_probability(query, scores)
        return HeadPrediction(scores, known, self._named(query, NEAREST), number)

    def rates(self) -> Rates | None:
        """Return how often known and unknown are confused; None if the set is closed, or only the background taught."""
        return self._fitted_rejection().rates if len(self) and not self._closed_set else None

    def leave_one_out(self) -> NDArray[np.float64]:
        """Return the class probabilities of each example, predicted without it and its near duplicates of its class.

        Float64 (n, classes): rows in the order of `ids`, columns in the order of `classes()`. A row is 0 if no other
        example of its class is left. Above `examples.LIMIT` examples only a sample of LIMIT is evaluated; the rows of
        the others are NaN.
        """
        if not len(self):
            return np.empty((0, 0))
        choice, head = self._selected()
        sample = self._examples.spread(LIMIT)
        if len(sample) < len(self._examples):
            head = choice.plan.make(self._examples.subset(sample), self.unknown_distance)
        predicted = np.full((len(self._examples), len(self._examples.classes)), np.nan)
        scores = head.leave_one_out()
        predicted[sample] = probabilities(scores, choice.temperature)
        own = scores[np.arange(len(sample)), self._examples.targets[sample]]
        predicted[sample[np.isneginf(own)]] = 0.0
        return predicted[self._rows]

    def choice(self) -> Choice | None:
        """Return the selected head and the reason for it, or None if nothing has been taught."""
        return self._selected()[0] if len(self) else None

    def nearest(self, embedding: QuantizedVector, count: int) -> list[Neighbour]:
        """Return the `count` examples nearest to `embedding`, nearest first."""
        return list(self._named(self._examples.query(embedding.dequantize()), count))

    def _example(self, identity: str, label: str) -> LabeledEmbedding:
        """Return the example `identity` as one of the class `label`."""
        index = self._index[identity]
        return LabeledEmbedding(
            identity, label, self._examples.vectors.quantized(index), self._examples.taught_at(index)
        )

    def _copy_of(self, identity: str) -> str | None:
        """Return the id of the copy of an example, or None."""
        return next((copy for copy, original in self._originals.items() if original == identity), None)

    def _named(self, query: Query, count: int) -> tuple[Neighbour, ...]:
        """Return the `count` examples nearest to `query`, nearest first."""
        cosines = query.cosines
        wide = 2 * count if self._originals else count  # an example and its copy are named once
        best = np.argpartition(-cosines, wide)[:wide] if wide < len(cosines) else np.arange(len(cosines))
        best = best[np.lexsort((best, -cosines[best]))]
        examples = self._examples
        named: dict[str, Neighbour] = {}
        for index in best.tolist():
            identity = self._originals.get(self._ids[index], self._ids[index])
            label = examples.classes[examples.targets[index]]
            named.setdefault(identity, Neighbour(identity, label, float(cosines[index])))
        return tuple(named.values())[:count]

    @property
    def _rows(self) -> NDArray[np.intp]:
        """The indices of the examples, without copies, ascending, (n,)."""
        copies = [self._index[copy] for copy in self._originals]
        return np.delete(np.arange(len(self._ids)), copies)

    def _selected(self) -> tuple[Choice, Head]:
        """Return the choice for the current examples and its head, which is replaced only if the plan has changed."""
        if self._choice is None or self._head is None:
            self._choice = choose(self._head_name, self._examples, self.unknown_distance)
            if self._head is None or self._choice.plan != self._plan:
                self._plan = self._choice.plan
                self._head = self._plan.make(self._examples, self.unknown_distance)
        return self._choice, self._head

    def _known_probability(self, query: Query, scores: dict[str, float]) -> float:
        """Return the probability that `query` shows a taught class."""
        if self._closed_set:
            return 1.0
        known = self._fitted_rejection().confidence(query)
        # What looks like the empty place is known to be that, however little it resembles a class.
        return max(known, scores[BACKGROUND]) if max(scores, key=scores.__getitem__) == BACKGROUND else known

    def _fitted_rejection(self) -> Rejection:
        """Return the open set. The first call after a change fits it."""
        if self._rejection is None:
            self._rejection = Rejection(
                self._examples, self._bank, false_accept=self._false_accept, unknown_distance=self.unknown_distance
            )
        return self._rejection
