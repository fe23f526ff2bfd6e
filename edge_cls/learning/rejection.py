"""The open set of a learner, fitted to its examples and the bank of the backbone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.bank import Bank
from edge_cls.core.labels import BACKGROUND
from edge_cls.learning.heads.examples import LIMIT, Examples, Query
from edge_cls.learning.open_set import MAX_EXAMPLES, Negatives, OpenSet
from edge_cls.learning.threshold import Rates


class Rejection:
    """The open set of `examples`, fitted when it is made. Of very many examples, an even sample is used.

    The examples of the class `background` are negatives, beside the photos of the `bank`. `false_accept` and
    `unknown_distance`: see `OpenSet`.
    """

    def __init__(self, examples: Examples, bank: Bank | None, *, false_accept: float, unknown_distance: float) -> None:
        sample = examples.spread(min(MAX_EXAMPLES, LIMIT))  # up to LIMIT, cosines are kept
        if len(sample) < len(examples):
            examples = examples.subset(sample)
        background = np.array([name == BACKGROUND for name in examples.classes])[examples.targets]
        rows = np.flatnonzero(~background)
        self._bank = bank
        self._rows, self._background = sample[rows], sample[background]
        self._open_set: OpenSet | None = None
        if len(rows):
            place = np.full(len(examples), -1)
            place[rows] = np.arange(len(rows))
            self._open_set = OpenSet(
                examples.cosines[rows[:, None], rows],
                examples.targets[rows],
                [place[group] for group in examples.groups() if not background[group[0]]],
                self._negatives(examples, rows, np.flatnonzero(background)),
                false_accept=false_accept,
                unknown_distance=unknown_distance,
            )

    @property
    def rates(self) -> Rates | None:
        """How often the open set is wrong, by leaving out; None if nothing but the background was taught."""
        return None if self._open_set is None else self._open_set.rates

    def confidence(self, query: Query) -> float:
        """Return the probability that `query` shows a class other than the background, in [0, 1]."""
        if self._open_set is None:
            return 0.0
        to_negatives = query.cosines[self._background]
        if self._bank is not None:
            to_negatives = np.concatenate((self._bank.units @ query.unit.astype(np.float32), to_negatives))
        return float(self._open_set.confidence(query.cosines[self._rows], to_negatives))

    def _negatives(self, examples: Examples, rows: NDArray[np.intp], background: NDArray[np.intp]) -> Negatives:
        among = examples.cosines[background]
        cosines, to_examples = among[:, background], among[:, rows]
        if self._bank is None:
            return Negatives(cosines, to_examples, 0)
        across = self._bank.units @ examples.units(np.arange(len(examples))).T
        beside = np.block([[self._bank.cosines, across[:, background]], [across[:, background].T, cosines]])
        return Negatives(beside, np.concatenate((across[:, rows], to_examples)), len(self._bank))
