"""Which head: by name, or `auto`, which chooses by leaving examples out of what has been taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls.errors import ConfigError
from edge_cls.learning.heads.calibration import answerable, class_weights, fitted_temperature, losses
from edge_cls.learning.heads.centroid import Centroid
from edge_cls.learning.heads.examples import LIMIT, Examples
from edge_cls.learning.heads.head import Head, Scores
from edge_cls.learning.heads.knn import KNN
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.learning.heads.ridge import STRENGTH, Ridge
from edge_cls.learning.vectors import Metric

SAMPLE = 256
"""Above so many examples, `auto` chooses on so many of them, spread evenly over the classes."""
_METRICS: dict[str, Metric] = {"knn": "cosine", "knn-euclidean": "euclidean", "knn-manhattan": "manhattan"}
_SURE = 2.0
"""By how many standard errors another plan must be better than the usual one."""
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

    def make(self, examples: Examples, unknown_distance: float) -> Head:
        """Return the head on `examples`, fitted."""
        head: Head
        if self.strength is not None:
            head = Ridge(examples, self.strength, unknown_distance)
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


RIDGE = Plan("ridge", strength=STRENGTH)
CENTROID = Plan("centroid")


def plans(name: str) -> tuple[Plan, ...]:
    """Return what the head `name` may be. Raises ConfigError for an unknown one."""
    match name:
        case "auto":
            strengths = tuple(Plan("ridge", strength=strength) for strength in (0.03, 0.2, 0.4))
            return (RIDGE, *strengths, CENTROID, *(Plan(metric, k=k) for metric in _METRICS for k in (1, 3, 7)))
        case "ridge":
            return (RIDGE,)
        case "centroid":
            return (CENTROID,)
        case "knn-regression":
            return (Plan("knn", k=3),)
        case _ if name in _METRICS:
            return (Plan(name, k=3),)
    raise ConfigError(f"there is no head {name!r}", hint=f"use one of {', '.join(HEAD_NAMES)}")


def choose(name: str, examples: Examples, unknown_distance: float) -> Choice:
    """Return which of the plans of `name` suits `examples` best. `unknown_distance` as for `Ridge`.

    The usual one, the ridge, or the centroid where the classes are uneven, is left only for what is better beyond
    chance, by two standard errors: of the loss in leaving out, and for another kind of head of the accuracy too. To
    leave out one of a few makes its class the smaller one, and that alone speaks against the ridge.
    """
    considered = plans(name)
    if len(examples) > (SAMPLE if len(considered) > 1 else LIMIT):
        examples = examples.subset(examples.spread(SAMPLE))
    results = [_examine(plan, examples, unknown_distance) for plan in considered]
    candidates = tuple(one.candidate for one in results)
    if len(considered) == 1:
        return Choice(considered[0], results[0].temperature, f"{name} was asked for", candidates)
    plan, reason = _best(results, examples)
    return Choice(plan, results[considered.index(plan)].temperature, reason, candidates)


def _best(results: Sequence[_Result], examples: Examples) -> tuple[Plan, str]:
    photos = np.bincount([examples.targets[group[0]] for group in examples.groups()] or [0])
    uneven = photos.max() >= _UNEVEN * photos.min()
    usual = results[[one.plan for one in results].index(CENTROID if uneven else RIDGE)]
    why = "where classes have very different numbers of photos" if uneven else "in general"
    if not usual.asked:
        return usual.plan, f"{usual.plan} is the best {why}, and too few examples can be left out to compare"
    better = [
        one
        for one in results
        if _surely_less(one.losses, usual.losses)
        and (one.plan.head == usual.plan.head or _surely_less(one.errors, usual.errors))
    ]
    if not better:
        return usual.plan, f"{usual.plan} is the best {why}, and where examples are left out no other beats it surely"
    best = min(better, key=lambda one: one.losses.sum())
    return (
        best.plan,
        f"where examples are left out, {best.plan} beats {usual.plan}, the best {why}, by more than chance",
    )


def _surely_less(losses: Scores, others: Scores) -> bool:
    """Return whether the mean is smaller by `_SURE` standard errors; both are weighted to add up to their mean."""
    gains = others - losses
    error = float(np.sqrt(np.square(gains - gains.mean()).sum()))
    return float(gains.sum()) > _SURE * error


@dataclass(frozen=True, eq=False)
class _Result:
    """What a plan says of the examples that can be left out: losses and errors, weighted to add up to their means."""

    plan: Plan
    temperature: float
    losses: Scores
    errors: Scores

    @property
    def asked(self) -> int:
        return len(self.losses)

    @property
    def candidate(self) -> Candidate:
        if not self.asked:
            return Candidate(self.plan, None, None)
        return Candidate(self.plan, 1 - float(self.errors.sum()), float(self.losses.sum()))


def _examine(plan: Plan, examples: Examples, unknown_distance: float) -> _Result:
    scores, targets = plan.make(examples, unknown_distance).leave_one_out(), examples.targets
    temperature = fitted_temperature(scores, targets, plan.temperature)
    asked = answerable(scores, targets)
    scores, targets = scores[asked], targets[asked]
    weights = class_weights(targets)
    wrong = (scores.argmax(axis=1) if len(scores) else targets) != targets
    return _Result(plan, temperature, weights * losses(scores, targets, temperature), weights * wrong)
