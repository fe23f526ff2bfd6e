"""Which head: by name, or `auto`, which chooses by leaving examples out of what has been taught."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_cls.core.heads import Head, Scores
from edge_cls.core.heads.calibration import answerable, class_weights, fitted_temperature, losses
from edge_cls.core.heads.centroid import Centroid
from edge_cls.core.heads.examples import LIMIT, Examples
from edge_cls.core.heads.knn import KNN
from edge_cls.core.heads.ridge import STRENGTH, Ridge
from edge_cls.core.vectors import Metric
from edge_cls.errors import ConfigError

SAMPLE = 256
"""Above so many examples, `auto` chooses on so many of them, spread evenly over the classes."""
HEADS = ("auto", "ridge", "centroid", "knn", "knn-euclidean", "knn-manhattan", "knn-regression")
_METRICS: dict[str, Metric] = {"knn": "cosine", "knn-euclidean": "euclidean", "knn-manhattan": "manhattan"}
_SURE = 2.0
"""By how many standard errors another head must be better than the first of its kind to be chosen instead."""
_UNEVEN = 3
"""From how many times more photos of one class than of another the ridge, which leans to large classes, is not
preferred."""


@dataclass(frozen=True)
class Plan:
    """A head with its settings, and the temperature that its scores usually want."""

    head: str
    strength: float | None = None
    k: int | None = None

    def __str__(self) -> str:
        if self.strength is not None:
            return f"{self.head} of strength {self.strength:g}"
        return self.head if self.k is None else f"{self.head} of k = {self.k}"

    @property
    def temperature(self) -> float:
        """The temperature to expect of the head's scores."""
        return {"ridge": 0.15, "centroid": 0.1}.get(self.head, 1.0)

    def make(self, examples: Examples, stranger: float) -> Head:
        """Return the head on `examples`, fitted."""
        head: Head
        if self.strength is not None:
            head = Ridge(examples, self.strength, stranger)
        elif self.k is not None:
            head = KNN(examples, self.k, _METRICS[self.head])
        else:
            head = Centroid(examples)
        head.fit()
        return head


@dataclass(frozen=True)
class Candidate:
    """What leaving examples out says of a plan, each class counting the same.

    `accuracy`, in [0, 1], and `loss`, the mean of minus the logarithm of the right answer's probability; None where no
    example could be left out.
    """

    plan: Plan
    accuracy: float | None
    loss: float | None


@dataclass(frozen=True)
class Choice:
    """The plan that was chosen, its temperature, the `reason` in a sentence, and all that were considered."""

    plan: Plan
    temperature: float
    reason: str
    candidates: tuple[Candidate, ...]


RIDGES = tuple(Plan("ridge", strength=strength) for strength in (0.03, STRENGTH, 0.2, 0.4))
CENTROID = Plan("centroid")
NEIGHBOURS = tuple(Plan(name, k=k) for name in _METRICS for k in (1, 3, 7))


def plans(name: str) -> tuple[Plan, ...]:
    """Return what the head `name` may be, the usual first. Raises ConfigError for an unknown one."""
    usual = (RIDGES[1], RIDGES[0], *RIDGES[2:])
    match name:
        case "auto":
            return (*usual, CENTROID, *NEIGHBOURS)
        case "ridge":
            return usual[:1]
        case "centroid":
            return (CENTROID,)
        case "knn-regression":
            return (Plan("knn", k=3),)
        case _ if name in _METRICS:
            return (Plan(name, k=3),)
    raise ConfigError(f"there is no head {name!r}", mend=f"use one of {', '.join(HEADS)}")


def choose(name: str, examples: Examples, stranger: float) -> Choice:
    """Return which of the plans of `name` suits `examples` best. `stranger` as for `Ridge`.

    The head of the least loss in leaving out is chosen, but not for what may be chance: the usual one, the ridge, or
    the centroid where the classes are uneven, goes for another only where that is better by two standard errors.
    """
    considered = plans(name)
    if len(examples) > (SAMPLE if len(considered) > 1 else LIMIT):
        examples = examples.subset(examples.spread(SAMPLE))
    left_out = {plan: plan.make(examples, stranger).leave_one_out() for plan in considered}
    results = {plan: _surprise(scores, examples, plan) for plan, scores in left_out.items()}
    candidates = tuple(
        Candidate(plan, _accuracy(left_out[plan], examples), None if loss is None else float(loss.sum()))
        for plan, (_, loss) in results.items()
    )
    if len(considered) == 1:
        plan, reason = considered[0], f"{name} was asked for"
    else:
        plan, reason = _best({plan: loss for plan, (_, loss) in results.items()}, examples)
    return Choice(plan, results[plan][0], reason, candidates)


def _best(losses_of: dict[Plan, Scores | None], examples: Examples) -> tuple[Plan, str]:
    photos = np.bincount([examples.targets[group[0]] for group in examples.groups()] or [0])
    uneven = photos.max() >= _UNEVEN * photos.min() if len(photos) > 1 else False
    usual = CENTROID if uneven else RIDGES[1]
    known = {plan: loss for plan, loss in losses_of.items() if loss is not None}
    if not known:
        return usual, f"{usual} is usual, and with so few examples none can be left out to compare"
    family = [plan for plan in known if plan.head == usual.head]
    first = min(family, key=lambda plan: known[plan].sum())
    rival = min(known, key=lambda plan: known[plan].sum())
    gain = known[first] - known[rival]
    error = float(np.sqrt(np.square(gain - gain.mean()).sum()))
    if gain.sum() > _SURE * error and gain.sum() > 0:
        return rival, f"{rival} surprises least where examples are left out, and by more than chance"
    why = "where classes have very different numbers of photos" if uneven else "in general"
    return (
        first,
        f"{first} is the best of its kind in leaving out, its kind is best {why}, and no other beats it surely",
    )


def _surprise(scores: Scores, examples: Examples, plan: Plan) -> tuple[float, Scores | None]:
    """Return the temperature, and the loss of each example that can be left out, weighted to add to a mean."""
    targets = examples.targets
    temperature = fitted_temperature(scores, targets, plan.temperature)
    asked = answerable(scores, targets)
    if not asked.any():
        return temperature, None
    return temperature, class_weights(targets[asked]) * losses(scores[asked], targets[asked], temperature)


def _accuracy(scores: Scores, examples: Examples) -> float | None:
    targets = examples.targets
    asked = answerable(scores, targets)
    if not asked.any():
        return None
    return float(class_weights(targets[asked]) @ (scores[asked].argmax(axis=1) == targets[asked]))
