"""The prediction for a frame: labels with scores, best first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.labels import BACKGROUND
from edge_cls.core.neighbour import Neighbour

MAX_PREDICTIONS = 100
"""Most classes of a model in a prediction. The score of any other class is below 0.01."""
RIVAL = 0.5
"""Share of the best score from which on the second class makes a frame unsure."""


class Score(NamedTuple):
    """A label and its probability, in [0, 1]."""

    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """The prediction for a frame.

    `predictions`: the classes in descending order of score; of a model's own classes at most MAX_PREDICTIONS, and none
    if the classifier has no classes. `known`: the probability that the frame shows any of them, in [0, 1]; the scores
    do not contain it. `nearest`: the taught examples most similar to the frame, nearest first; none of a model's own
    classes. `value`: the predicted number of a regression, None of other heads.
    """

    predictions: tuple[Score, ...]
    known: float = 1.0
    nearest: tuple[Neighbour, ...] = ()
    value: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether the frame is rejected as none of the classes; the scores are still those of the nearest classes."""
        return self.known < 0.5

    @property
    def shows_background(self) -> bool:
        """Whether the frame shows nothing to report: the best label is the reserved label BACKGROUND."""
        return not self.unknown and self.label == BACKGROUND

    @property
    def rival(self) -> str | None:
        """The second label of a frame that is known but may show either: its score is at least RIVAL of the best.

        None of other frames, and of a regression, whose numbers lie between those taught.
        """
        if self.unknown or self.value is not None or len(self.predictions) < 2:
            return None
        best, second = self.predictions[:2]
        return second.label if second.score >= RIVAL * best.score else None

    @property
    def unsure(self) -> bool:
        """Whether the frame is known, but lies between its best class and `rival`."""
        return self.rival is not None

    @property
    def label(self) -> str | None:
        """The best label, also of an unknown frame; None if there are no classes."""
        return self.predictions[0].label if self.predictions else None

    @property
    def score(self) -> float:
        """The score of the best label; 0 if there are no classes."""
        return self.predictions[0].score if self.predictions else 0.0


def ranked(scores: Mapping[str, float]) -> tuple[Score, ...]:
    """Return all `scores` in descending order."""
    return tuple(Score(label, score) for label, score in sorted(scores.items(), key=lambda item: -item[1]))


def best_of(labels: NDArray[Any], probability: NDArray[np.float32]) -> tuple[Score, ...]:
    """Return the MAX_PREDICTIONS best of a model's classes in descending order.

    `labels`: an object array of strings, (classes,). `probability`: (classes,).
    """
    order = np.arange(len(probability))
    if len(probability) > MAX_PREDICTIONS:
        order = np.sort(np.argpartition(-probability, MAX_PREDICTIONS)[:MAX_PREDICTIONS])
    order = order[np.argsort(-probability[order], kind="stable")]
    return tuple(map(Score._make, zip(labels[order].tolist(), probability[order].tolist(), strict=True)))
