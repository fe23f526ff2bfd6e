"""Model selection on the validation photos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CRITICAL_VALUE = 1.645
"""Standard errors of a one-sided test at the 5 % level (the 95th percentile of the normal distribution)."""


@dataclass(frozen=True)
class Score:
    """Validation accuracy and losses of a candidate, measured with the int8 backbone.

    `losses` is the cross-entropy of each photo, (n,), after temperature scaling fitted to the candidate.
    """

    accuracy: float
    losses: NDArray[np.float64]

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self.losses.mean())


def significantly_better(new: Score, old: Score) -> bool:
    """Return whether `new` is at least as accurate as `old` and has a significantly lower loss.

    The paired differences of the losses are tested one-sided at the 5 % level. If the validation photos are too few to
    show a significant difference, the result is False.
    """
    gains = old.losses - new.losses
    error = float(gains.std()) / np.sqrt(max(len(gains) - 1, 1))
    return new.accuracy >= old.accuracy and float(gains.mean()) > CRITICAL_VALUE * error
