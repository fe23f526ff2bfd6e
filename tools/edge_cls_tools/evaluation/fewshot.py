"""The few-shot accuracy of heads on an embedding, measured on folders of photos.

Each trial draws classes, a few examples of each to teach, and other photos of them as queries (Vinyals et al.,
"Matching Networks for One Shot Learning", 2016). The same seed draws the same trials for every model, so that models
can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.unit_vectors import unit_rows
from edge_cls.errors import DatasetError
from edge_cls.learning.heads.table import AUTO, HEADS
from edge_cls.learning.learner import Learner
from edge_cls_tools.evaluation.embedded_set import EmbeddedSet

QUERIES = 15
"""Most query photos of each class in a trial."""
BASELINE = "knn3"
"""The usual head on devices: the majority of the 3 nearest examples by cosine; on a tie, the nearest one wins."""
NAMES = (AUTO, *(head.name for head in HEADS.values() if not head.is_regression), BASELINE)
"""The heads that can be measured: all that predict a class."""


@dataclass(frozen=True)
class FewShot:
    """Mean accuracy over the trials, in [0, 1], and half the width of its 95 % confidence interval.

    `ways` classes were taught with `shots` examples each: `requested_ways`, or all that have enough photos. `chosen`
    counts how often `auto` chose each head; it is None for other heads.
    """

    set: str
    ways: int
    requested_ways: int
    shots: int
    head: str
    accuracy: float
    ci95: float
    trials: int
    chosen: dict[str, int] | None = None


@dataclass(frozen=True)
class Trial:
    """The photos of a trial as pairs (class of the trial, index of the photo).

    `taught` has one example of each class in turn, `queries` has the photos to classify afterwards.
    """

    taught: list[tuple[int, int]]
    queries: list[tuple[int, int]]


def draw_trials(data: EmbeddedSet, *, ways: int, shots: int, trials: int, seed: int = 0) -> Iterator[Trial]:
    """Yield `trials` trials with `shots` examples of each of `ways` classes, or of all classes if there are fewer.

    The draw depends on `seed`, `shots` and the number of the trial only. Raises DatasetError if fewer than two classes
    have more photos than `shots`.
    """
    of_class = [np.flatnonzero(data.labels == label) for label in np.unique(data.labels)]
    eligible = [photos for photos in of_class if len(photos) > shots]
    if len(eligible) < 2:
        raise DatasetError(
            f"{data.name} has {len(eligible)} classes with more than {shots} photos", hint="choose fewer shots"
        )
    for trial in range(trials):
        rng = np.random.default_rng([seed, shots, trial])
        chosen = rng.choice(len(eligible), min(ways, len(eligible)), replace=False)
        classes = [rng.permutation(eligible[i]).tolist() for i in chosen]
        # One example of each class in turn, as a person would teach them.
        taught = [(label, photos[shot]) for shot in range(shots) for label, photos in enumerate(classes)]
        queries = [(label, photo) for label, photos in enumerate(classes) for photo in photos[shots : shots + QUERIES]]
        yield Trial(taught, queries)


def few_shot(
    data: EmbeddedSet, *, ways: int, shots: int, heads: Sequence[str], trials: int, seed: int = 0
) -> list[FewShot]:
    """Return the accuracy of each of `heads`, all on the trials of `draw_trials`. Raises DatasetError as that does."""
    accuracies: dict[str, list[float]] = {head: [] for head in heads}
    chosen: Counter[str] = Counter()
    classes = 0
    for trial in draw_trials(data, ways=ways, shots=shots, trials=trials, seed=seed):
        classes = len({label for label, _ in trial.taught})
        taught = [LabeledEmbedding(str(photo), str(label), data.embeddings[photo]) for label, photo in trial.taught]
        for name, hits in accuracies.items():
            if name == BASELINE:
                hits.append(_majority(data, trial))
                continue
            learner = Learner(head=name)
            learner.fit(taught)
            correct = [_predict(learner, data.embeddings[photo]) == label for label, photo in trial.queries]
            hits.append(sum(correct) / len(correct))
            choice = learner.choice()
            if name == "auto" and choice is not None:
                chosen[str(choice.plan)] += 1
    results = []
    for name, hits in accuracies.items():
        mean, deviation = float(np.mean(hits)), float(np.std(hits, ddof=1)) if trials > 1 else 0.0
        tally = dict(chosen.most_common()) if name == "auto" else None
        results.append(
            FewShot(data.name, classes, ways, shots, name, mean, 1.96 * deviation / trials**0.5, trials, tally)
        )
    return results


def margins(results: Sequence[FewShot]) -> list[tuple[str, int, int, float | None, float | None]]:
    """Return rows of (set, requested ways, shots, margin of `auto` over the best single head, that over the baseline).

    Margins are differences of accuracies, in [-1, 1], on the same trials; a margin is None if the other head was not
    measured. If there are several sets, the last rows hold the means over them, under the set "mean".
    """
    rows: list[tuple[str, int, int, float | None, float | None]] = []
    table: dict[tuple[str, int, int], dict[str, float]] = {}
    for one in results:
        table.setdefault((one.set, one.requested_ways, one.shots), {})[one.head] = one.accuracy
    for cell, row in table.items():
        if "auto" in row:
            single = [accuracy for head, accuracy in row.items() if head not in ("auto", BASELINE)]
            above_best = row["auto"] - max(single) if single else None
            rows.append((*cell, above_best, row["auto"] - row[BASELINE] if BASELINE in row else None))
    for ways, shots in sorted({row[1:3] for row in rows}):
        cells = [row for row in rows if row[1:3] == (ways, shots)]
        if len(cells) > 1:
            rows.append(("mean", ways, shots, _mean([row[3] for row in cells]), _mean([row[4] for row in cells])))
    return rows


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _predict(learner: Learner, embedding: QuantizedVector) -> int:
    scores = learner.predict(embedding).scores
    return int(max(scores, key=scores.__getitem__))


def _majority(data: EmbeddedSet, trial: Trial) -> float:
    """Return the accuracy of the baseline in a trial."""
    taught, queries = (
        np.stack([data.embeddings[photo].dequantize() for _, photo in part]) for part in (trial.taught, trial.queries)
    )
    hits = 0
    for cosines, (label, _) in zip(unit_rows(queries) @ unit_rows(taught).T, trial.queries, strict=True):
        nearest = [trial.taught[index][0] for index in np.argsort(-cosines, kind="stable")[:3]]
        hits += max(nearest, key=nearest.count) == label  # on a tie the first, which is the nearest
    return hits / len(trial.queries)
