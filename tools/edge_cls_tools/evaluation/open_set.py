"""How well strangers are told from what was taught: some classes of a set are taught, photos of all others asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.learner import LabeledEmbedding, Learner
from edge_cls.learning.open_set import FALSE_ACCEPT, UNKNOWN_DISTANCE
from edge_cls_tools.evaluation.fewshot import QUERIES, EmbeddedSet, draw_trials

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Unknown:
    """Means over the trials, shares in [0, 1].

    `auroc`: how often a photo of a taught class is taken for more familiar than one of a class that was not taught.
    `auroc_cosine`: the same by the largest cosine alone. `accepted`: the share of strangers that were taken for a
    taught class, where `false_accept` was asked for. `rejected`: the share of photos of taught classes that were called
    unknown.
    """

    set: str
    ways: int
    shots: int
    unknowns: int
    auroc: float
    auroc_cosine: float
    false_accept: float
    accepted: float
    rejected: float
    trials: int


def measure_open_set(
    data: EmbeddedSet,
    *,
    ways: int,
    shots: int,
    trials: int,
    false_accept: float = FALSE_ACCEPT,
    unknown_distance: float = UNKNOWN_DISTANCE,
    seed: int = 0,
) -> Unknown:
    """Return how the open set does, taught `shots` examples of each of `ways` classes, or of three fifths of them.

    The classes that are left are the strangers: `QUERIES` photos of each are asked, as of the classes that were taught.
    Raises DatasetError where fewer than two classes have more photos than `shots`.
    """
    classes, photos = np.unique(data.labels, return_counts=True)
    eligible = classes[photos > shots]
    ways = min(ways, 3 * len(eligible) // 5)
    rows = []
    for number, trial in enumerate(draw_trials(data, ways=ways, shots=shots, trials=trials, seed=seed)):
        taught = {data.labels[photo] for _, photo in trial.taught}
        rng = np.random.default_rng([seed, shots, number])
        strange = [rng.permutation(np.flatnonzero(data.labels == one)) for one in eligible if one not in taught]
        learner = Learner(head="knn", false_accept=false_accept, unknown_distance=unknown_distance)
        learner.fit(LabeledEmbedding(str(photo), str(label), data.embeddings[photo]) for label, photo in trial.taught)
        known, near = _asked(learner, data, [photo for _, photo in trial.asked])
        taken, nearby = _asked(learner, data, np.concatenate([photos[:QUERIES] for photos in strange]).tolist())
        rows.append((auroc(known, taken), auroc(near, nearby), (taken >= 0.5).mean(), (known < 0.5).mean()))
    ours, cosine, accepted, rejected = (float(mean) for mean in np.mean(rows, axis=0))
    unknowns = len(eligible) - ways
    return Unknown(data.name, ways, shots, unknowns, ours, cosine, false_accept, accepted, rejected, trials)


def _asked(learner: Learner, data: EmbeddedSet, photos: Sequence[int]) -> tuple[Scores, Scores]:
    """Return how sure it is that each photo shows something taught, and the cosine of the nearest example."""
    embeddings = [data.embeddings[photo] for photo in photos]
    known = [sum(learner.predict(embedding).scores.values()) for embedding in embeddings]
    return np.array(known), np.array([learner.nearest(embedding, 1)[0].cosine for embedding in embeddings])


def auroc(high: NDArray[np.floating], low: NDArray[np.floating]) -> float:
    """Return how often one of `high` is above one of `low`, in [0, 1]; a tie counts half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))
