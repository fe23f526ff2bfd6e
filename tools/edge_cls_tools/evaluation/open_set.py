"""Open-set rejection as a user meets it: some classes of a data set are taught, and then all kinds of photos are shown.

Photos of the taught classes are classified right, wrong or as unknown. Photos of the other classes of the same set
(other shirts, if shirts are taught) and far photos, of quite other things, are rejected as unknown or let in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.bank import Bank
from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.learner import Learner
from edge_cls.learning.threshold import FALSE_ACCEPT
from edge_cls_tools.evaluation.embedded_set import EmbeddedSet
from edge_cls_tools.evaluation.fewshot import QUERIES, Trial, draw_trials
from edge_cls_tools.evaluation.reliability import expected_calibration_error

MAX_UNKNOWNS = 150
"""Most photos of other classes in a trial, and most far photos of each kind."""
OTHER_FOLDERS = "other folders"
"""The kind of far photos that come from the other data sets of a measurement."""

Photos = Sequence[QuantizedVector]


@dataclass(frozen=True)
class LearnerOptions:
    """The options of the learner on the device: its arguments, with the same meaning."""

    head: str = "auto"
    bank: Bank | None = None
    false_accept: float = FALSE_ACCEPT
    unknown_distance: float | None = None

    def taught(self, data: EmbeddedSet, trial: Trial) -> Learner:
        """Return a learner that was taught the examples of `trial`."""
        learner = Learner(
            head=self.head, bank=self.bank, false_accept=self.false_accept, unknown_distance=self.unknown_distance
        )
        learner.fit(LabeledEmbedding(str(photo), str(label), data.embeddings[photo]) for label, photo in trial.taught)
        return learner


@dataclass(frozen=True)
class FarResult:
    """The result on far photos of one kind.

    `let_in` is the rate of false accepts, in [0, 1], for which `false_accept` was requested; `of_requested` is their
    ratio. `auroc` is the area under the ROC curve of `known`, taught classes against these photos.
    """

    let_in: float
    of_requested: float
    auroc: float


@dataclass(frozen=True)
class OpenSetResult:
    """The result on a data set; shares are in [0, 1].

    `ways` classes were taught with `shots` examples each: `requested_ways`, or all but one of the classes that have
    enough photos. The others, `untaught`, were not. Of photos of taught classes, `right`, `wrong` and `unknown` are the
    shares that were named rightly, named wrongly, and rejected; their sum is 1. `nearest_right` is the share whose best
    label is right, whatever is rejected. `same_kind` is the share of photos of untaught classes that were let in, and
    `auroc` that of `known` against them. `far` has the same for each kind of far photos.

    `calibration_error` is the expected calibration error of the best score on photos of taught classes.
    `accepted_score` and `accepted_accuracy` are the mean score and the accuracy of those that were not rejected; None
    if all were.
    """

    set: str
    head: str
    ways: int
    requested_ways: int
    shots: int
    untaught: int
    false_accept: float
    right: float
    wrong: float
    unknown: float
    nearest_right: float
    same_kind: float
    auroc: float
    far: dict[str, FarResult]
    calibration_error: float
    accepted_score: float | None
    accepted_accuracy: float | None
    trials: int


@dataclass(frozen=True, eq=False)
class _Shown:
    """The predictions for some photos, (n,) each: `known`, the score of the best label, and whether it is right."""

    known: NDArray[np.float64]
    score: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def accepted(self) -> NDArray[np.bool_]:
        return self.known >= 0.5


def taught_ways(data: EmbeddedSet, ways: int, shots: int) -> int:
    """Return how many classes are taught: `ways`, or all but one of those that have more photos than `shots`."""
    return min(ways, len(_eligible(data, shots)) - 1)


def measure_open_set(
    data: EmbeddedSet,
    *,
    ways: int,
    shots: int,
    trials: int,
    options: LearnerOptions,
    far: Mapping[str, Sequence[Photos]] | None = None,
    seed: int = 0,
) -> OpenSetResult:
    """Return the open-set rejection after teaching `shots` examples of each of `taught_ways` classes.

    A trial shows at most QUERIES photos of each taught class, and at most MAX_UNKNOWNS photos of other classes and of
    each kind of `far` photos, to which every one of its folders contributes equally. Raises DatasetError if fewer than
    two classes have more photos than `shots`.
    """
    eligible, taught_count = _eligible(data, shots), taught_ways(data, ways, shots)
    known, same_kind, areas = [], [], []
    shown_far: dict[str, list[_Shown]] = {kind: [] for kind in far or {}}
    for number, trial in enumerate(draw_trials(data, ways=taught_count, shots=shots, trials=trials, seed=seed)):
        learner = options.taught(data, trial)
        known.append(_show(learner, [data.embeddings[photo] for _, photo in trial.queries], trial.queries))
        rng = np.random.default_rng([seed, shots, number, 1])
        taught = {data.labels[photo] for _, photo in trial.taught}
        others = [
            rng.permutation(np.flatnonzero(data.labels == one))[:QUERIES] for one in eligible if one not in taught
        ]
        same_kind.append(_show(learner, [data.embeddings[photo] for photo in _some(rng, np.concatenate(others))]))
        areas.append(auroc(known[-1].known, same_kind[-1].known))
        for kind, folders in (far or {}).items():
            shown_far[kind].append(_show(learner, _far_photos(rng, folders)))
    of_taught, of_same_kind = _joined(known), _joined(same_kind)
    accepted = of_taught.accepted
    return OpenSetResult(
        set=data.name,
        head=options.head,
        ways=taught_count,
        requested_ways=ways,
        shots=shots,
        untaught=len(eligible) - taught_count,
        false_accept=options.false_accept,
        right=float((accepted & of_taught.right).mean()),
        wrong=float((accepted & ~of_taught.right).mean()),
        unknown=float((~accepted).mean()),
        nearest_right=float(of_taught.right.mean()),
        same_kind=float(of_same_kind.accepted.mean()),
        auroc=float(np.mean(areas)),
        far={kind: _far_result(known, shown, options.false_accept) for kind, shown in shown_far.items()},
        calibration_error=expected_calibration_error(of_taught.score.astype(np.float32), of_taught.right),
        accepted_score=float(of_taught.score[accepted].mean()) if accepted.any() else None,
        accepted_accuracy=float(of_taught.right[accepted].mean()) if accepted.any() else None,
        trials=trials,
    )


def auroc(high: NDArray[np.floating], low: NDArray[np.floating]) -> float:
    """Return the area under the ROC curve, in [0, 1]: the share of pairs with `high` above `low`; a tie counts half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))


def _eligible(data: EmbeddedSet, shots: int) -> NDArray[np.int64]:
    classes, photos = np.unique(data.labels, return_counts=True)
    return np.asarray(classes[photos > shots])


def _show(learner: Learner, photos: Photos, truth: Sequence[tuple[int, int]] = ()) -> _Shown:
    """Return the predictions for `photos`. `truth` has their pairs (class, photo); without it, no label is right."""
    predictions = [learner.predict(photo) for photo in photos]
    labels = [max(one.scores, key=one.scores.__getitem__) for one in predictions]
    right = (
        [label == str(own) for label, (own, _) in zip(labels, truth, strict=True)] if truth else [False] * len(labels)
    )
    scores = [one.scores[label] for one, label in zip(predictions, labels, strict=True)]
    return _Shown(np.array([one.known for one in predictions]), np.array(scores), np.array(right))


def _some(rng: np.random.Generator, photos: NDArray[np.int64]) -> list[int]:
    """Return at most MAX_UNKNOWNS of `photos`."""
    return [int(photo) for photo in rng.permutation(photos)[:MAX_UNKNOWNS]]


def _far_photos(rng: np.random.Generator, folders: Sequence[Photos]) -> Photos:
    """Return at most MAX_UNKNOWNS photos, of each folder as many."""
    share = MAX_UNKNOWNS // len(folders)
    return [folder[index] for folder in folders for index in rng.permutation(len(folder))[:share]]


def _joined(trials: Sequence[_Shown]) -> _Shown:
    known, score, right = (
        np.concatenate([getattr(one, field) for one in trials]) for field in ("known", "score", "right")
    )
    return _Shown(known, score, right)


def _far_result(taught: Sequence[_Shown], far: Sequence[_Shown], false_accept: float) -> FarResult:
    let_in = float(_joined(far).accepted.mean())
    areas = [auroc(high.known, low.known) for high, low in zip(taught, far, strict=True)]
    return FarResult(let_in, let_in / false_accept, float(np.mean(areas)))
