"""Open-set rejection: some classes of a data set are taught, and photos of all others must be reported as unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.learning.learner import Learner
from edge_cls.learning.open_set import FALSE_ACCEPT, UNKNOWN_DISTANCE
from edge_cls_tools.evaluation.fewshot import QUERIES, EmbeddedSet, draw_trials

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class OpenSetResult:
    """Means over the trials; rates are in [0, 1].

    `ways` classes were taught with `shots` examples each, and `unknowns` classes were not taught. `auroc` is the area
    under the ROC curve of the familiarity, taught classes against unknown ones; `auroc_cosine` is that of the largest
    cosine alone. `accepted` is the rate of false accepts (unknown photos classified as a taught class), for which
    `false_accept` was requested; `rejected` is the rate of false rejects (photos of taught classes reported as
    unknown).
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
) -> OpenSetResult:
    """Return the open-set rejection after teaching `shots` examples of each of `ways` classes.

    At most three fifths of the classes are taught; the others are unknown. `QUERIES` photos of each class, taught or
    unknown, are classified. `unknown_distance` is the cosine distance between unrelated photos. Raises DatasetError if
    fewer than two classes have more photos than `shots`.
    """
    classes, photos = np.unique(data.labels, return_counts=True)
    eligible = classes[photos > shots]
    ways = min(ways, 3 * len(eligible) // 5)
    rows = []
    for number, trial in enumerate(draw_trials(data, ways=ways, shots=shots, trials=trials, seed=seed)):
        taught = {data.labels[photo] for _, photo in trial.taught}
        rng = np.random.default_rng([seed, shots, number])
        unknown = [rng.permutation(np.flatnonzero(data.labels == one)) for one in eligible if one not in taught]
        learner = Learner(head="knn", false_accept=false_accept, unknown_distance=unknown_distance)
        learner.fit(LabeledEmbedding(str(photo), str(label), data.embeddings[photo]) for label, photo in trial.taught)
        known, known_cosine = _classify(learner, data, [photo for _, photo in trial.queries])
        queries = np.concatenate([photos[:QUERIES] for photos in unknown]).tolist()
        accepted, unknown_cosine = _classify(learner, data, queries)
        rows.append(
            (
                auroc(known, accepted),
                auroc(known_cosine, unknown_cosine),
                (accepted >= 0.5).mean(),
                (known < 0.5).mean(),
            )
        )
    area, cosine_area, accept_rate, reject_rate = (float(mean) for mean in np.mean(rows, axis=0))
    unknowns = len(eligible) - ways
    return OpenSetResult(
        data.name, ways, shots, unknowns, area, cosine_area, false_accept, accept_rate, reject_rate, trials
    )


def _classify(learner: Learner, data: EmbeddedSet, photos: Sequence[int]) -> tuple[Scores, Scores]:
    """Return the probability that each photo shows a taught class, and the cosine to the nearest example, (n,)."""
    embeddings = [data.embeddings[photo] for photo in photos]
    known = [learner.predict(embedding).known for embedding in embeddings]
    return np.array(known), np.array([learner.nearest(embedding, 1)[0].cosine for embedding in embeddings])


def auroc(high: NDArray[np.floating], low: NDArray[np.floating]) -> float:
    """Return the area under the ROC curve, in [0, 1]: the share of pairs with `high` above `low`; a tie counts half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))
