"""How well strangers are told from what was taught: taught some classes of a set, asked about photos of the others too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.openset import FALSE_ACCEPT, STRANGER, OpenSet, sample
from edge_cls.errors import DatasetError
from edge_cls_tools.evaluation.fewshot import QUERIES, EmbeddedSet

KNOWN = 0.5
"""The confidence from which on a frame counts as known."""
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Unknown:
    """Means over the trials, shares in [0, 1].

    `auroc`: how often a photo of a taught class is taken for more familiar than one of a class that was not taught.
    `auroc_cosine`: the same by the largest cosine alone. `accepted`: the share of strangers that were taken for a taught
    class, where `false_accept` was asked for. `rejected`: the share of photos of taught classes that were called unknown.
    """

    set: str
    ways: int
    shots: int
    strangers: int
    auroc: float
    auroc_cosine: float
    false_accept: float
    accepted: float
    rejected: float
    trials: int


def unknown(
    data: EmbeddedSet,
    *,
    ways: int,
    shots: int,
    trials: int,
    false_accept: float = FALSE_ACCEPT,
    stranger: float = STRANGER,
    seed: int = 0,
) -> Unknown:
    """Return how the open set does, taught `shots` examples of each of `ways` classes, or of three fifths of them.

    The classes that are left are the strangers: `QUERIES` photos of each are asked, as of the classes that were taught.
    Raises DatasetError where fewer than two classes have more photos than `shots`.
    """
    of_class = [np.flatnonzero(data.labels == label) for label in np.unique(data.labels)]
    eligible = [photos for photos in of_class if len(photos) > shots]
    if len(eligible) < 2:
        raise DatasetError(
            f"{data.name} has {len(eligible)} classes with more than {shots} photos", mend="choose fewer shots"
        )
    ways = min(ways, 3 * len(eligible) // 5)
    lengths = np.linalg.norm(data.embeddings, axis=1, keepdims=True)
    units = data.embeddings / np.maximum(lengths, 1e-12)
    rows = []
    for taught, known, strange in _trials(eligible, ways, shots, trials, seed):
        labels = [str(label) for label in np.repeat(np.arange(ways), shots)]
        judges = sample(labels)
        examples = units[taught[judges]]
        openset = OpenSet(
            examples @ examples.T,
            [labels[judge] for judge in judges],
            false_accept=false_accept,
            stranger=stranger,
        )
        friends, others = units[known] @ units[taught].T, units[strange] @ units[taught].T
        of_friends, of_others = openset.confidence(friends[:, judges]), openset.confidence(others[:, judges])
        rows.append(
            (
                auroc(of_friends, of_others),
                auroc(friends.max(axis=1), others.max(axis=1)),
                (of_others >= KNOWN).mean(),
                (of_friends < KNOWN).mean(),
            )
        )
    ours, cosine, accepted, rejected = (float(mean) for mean in np.mean(rows, axis=0))
    strangers = len(eligible) - ways
    return Unknown(data.name, ways, shots, strangers, ours, cosine, false_accept, accepted, rejected, trials)


def auroc(high: NDArray[np.floating], low: NDArray[np.floating]) -> float:
    """Return how often one of `high` is above one of `low`, in [0, 1]; a tie counts half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))


def _trials(
    eligible: list[Indices], ways: int, shots: int, trials: int, seed: int
) -> Iterator[tuple[Indices, Indices, Indices]]:
    """Yield the photos to teach, class by class, other photos of these classes, and photos of all other classes."""
    for trial in range(trials):
        rng = np.random.default_rng([seed, shots, trial])
        drawn = [rng.permutation(eligible[index]) for index in rng.permutation(len(eligible))]
        yield (
            np.concatenate([photos[:shots] for photos in drawn[:ways]]),
            np.concatenate([photos[shots : shots + QUERIES] for photos in drawn[:ways]]),
            np.concatenate([photos[:QUERIES] for photos in drawn[ways:]]),
        )
