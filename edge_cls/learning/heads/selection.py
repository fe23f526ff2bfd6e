"""Selects a head: the one that was asked for, or with `auto` the one that leave-one-out favours on the examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls.learning.heads.calibration import class_weights, comparable, fitted_temperature, losses
from edge_cls.learning.heads.examples import LIMIT, Examples
from edge_cls.learning.heads.head import Scores
from edge_cls.learning.heads.ridge import STRENGTH
from edge_cls.learning.heads.table import Plan, plans

SAMPLE = 256
"""Examples that `auto` compares the heads on, at most; a larger memory is sampled evenly over the classes."""
RIDGE = Plan("ridge", STRENGTH)
CENTROID = Plan("centroid")
_STANDARD_ERRORS = 2.0
"""Standard errors by which another plan must be better than the default one."""
_UNEVEN = 3
"""Ratio of the photos of the largest class to those of the smallest from which on the centroid is the default: the
ridge leans to large classes."""


@dataclass(frozen=True)
class Candidate:
    """The leave-one-out result of a plan, each class counting the same.

    `accuracy`, in [0, 1], and `loss`, the mean negative log-likelihood of the true class. Both are None if no example
    could be left out.
    """

    plan: Plan
    accuracy: float | None
    loss: float | None


@dataclass(frozen=True)
class Choice:
    """The chosen plan, its calibration temperature, the `reason` as a sentence, and all plans that were compared."""

    plan: Plan
    temperature: float
    reason: str
    candidates: tuple[Candidate, ...]


def choose(name: str, examples: Examples, unknown_distance: float) -> Choice:
    """Return the plan of the head `name` that suits `examples` best. `unknown_distance` as for `Ridge`.

    The default plan is the ridge, or the centroid if the classes are uneven. Another plan replaces it only if its
    leave-one-out loss is lower by two standard errors; a plan of another head must also have fewer errors by two
    standard errors. The second condition is needed because leaving out one of a few examples makes its class the
    smaller one, which alone counts against the ridge. Raises ConfigError if there is no head `name`.
    """
    considered = plans(name)
    if len(examples) > (SAMPLE if len(considered) > 1 else LIMIT):
        examples = examples.subset(examples.spread(SAMPLE))
    results = [_evaluate(plan, examples, unknown_distance) for plan in considered]
    candidates = tuple(one.candidate for one in results)
    if len(considered) == 1:
        return Choice(considered[0], results[0].temperature, f"{name} was asked for", candidates)
    plan, reason = _best(results, examples)
    return Choice(plan, results[considered.index(plan)].temperature, reason, candidates)


def _best(results: Sequence[_Result], examples: Examples) -> tuple[Plan, str]:
    photos = np.bincount([examples.targets[group[0]] for group in examples.groups()] or [0])
    uneven = photos.max() >= _UNEVEN * photos.min()
    default = results[[one.plan for one in results].index(CENTROID if uneven else RIDGE)]
    why = "if classes have very different numbers of photos" if uneven else "in general"
    if not default.count:
        return default.plan, f"{default.plan} is the best {why}, and too few examples can be left out to compare"
    better = [
        one
        for one in results
        if _significantly_less(one.losses, default.losses)
        and (one.plan.head == default.plan.head or _significantly_less(one.errors, default.errors))
    ]
    if not better:
        return default.plan, f"{default.plan} is the best {why}, and in leave-one-out no other is significantly better"
    best = min(better, key=lambda one: one.losses.sum())
    return best.plan, f"in leave-one-out {best.plan} is significantly better than {default.plan}, the best {why}"


def _significantly_less(losses: Scores, others: Scores) -> bool:
    """Return whether the mean is less by `_STANDARD_ERRORS`; both are weighted so that they add up to their mean."""
    gains = others - losses
    error = float(np.sqrt(np.square(gains - gains.mean()).sum()))
    return float(gains.sum()) > _STANDARD_ERRORS * error


@dataclass(frozen=True, eq=False)
class _Result:
    """Losses and errors of a plan on the comparable examples, weighted so that they add up to their means."""

    plan: Plan
    temperature: float
    losses: Scores
    errors: Scores

    @property
    def count(self) -> int:
        return len(self.losses)

    @property
    def candidate(self) -> Candidate:
        if not self.count:
            return Candidate(self.plan, None, None)
        return Candidate(self.plan, 1 - float(self.errors.sum()), float(self.losses.sum()))


def _evaluate(plan: Plan, examples: Examples, unknown_distance: float) -> _Result:
    scores, targets = plan.make(examples, unknown_distance).leave_one_out(), examples.targets
    temperature = fitted_temperature(scores, targets, plan.temperature)
    compared = comparable(scores, targets)
    scores, targets = scores[compared], targets[compared]
    weights = class_weights(targets)
    wrong = (scores.argmax(axis=1) if len(scores) else targets) != targets
    return _Result(plan, temperature, weights * losses(scores, targets, temperature), weights * wrong)
