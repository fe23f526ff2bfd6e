"""Which of two candidates the validation photos pick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLEARLY = 1.645
"""Standard errors that chance stays below in 95 of 100 cases."""


@dataclass(frozen=True)
class Score:
    """What a candidate does on the validation photos, as int8 backbone and head.

    `losses` holds the cross-entropy of each photo, at the temperature that suits the candidate best.
    """

    accuracy: float
    losses: NDArray[np.float64]

    @property
    def loss(self) -> float:
        """The mean of the losses."""
        return float(self.losses.mean())


def clearly_better(new: Score, old: Score) -> bool:
    """Return whether `new` is at least as often right as `old`, and its loss lower by more than chance would have it.

    It is, at the 5 % level of a one-sided test of the paired differences, photo by photo: where a few validation
    photos cannot tell the two apart, the answer is False.
    """
    gains = old.losses - new.losses
    error = float(gains.std()) / np.sqrt(max(len(gains) - 1, 1))
    return new.accuracy >= old.accuracy and float(gains.mean()) > CLEARLY * error
