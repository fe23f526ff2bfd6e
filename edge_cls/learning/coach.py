"""The coach: checks new examples, reports the progress of each class, and advises what to teach next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.labels import BACKGROUND
from edge_cls.core.neighbour import Neighbour
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import LabelError
from edge_cls.learning.advice import WORDS, Advice, look_alike, looks_like
from edge_cls.learning.heads.examples import NEAR_DUPLICATE
from edge_cls.learning.learner import Learner
from edge_cls.learning.views import ONE_VIEW, count_views, nearest_distances

ENOUGH = 5
"""Different examples that a class needs: on four photo data sets the fifth example still adds percentage points of
accuracy."""
FAR_NEARER = 0.6
"""A new example is in conflict with a class if its distance is at most this part of the distance to anything else. On
four photo data sets, 24 to 34 % of the photos under a wrong label are found; of those under a right
one, 10 % of the first photos of a class are reported, 2 % of the second and 1 % of the fifth."""
STILL = 3
"""Examples from which a class is reported if all of them show one view."""
CONFLICT_SHARE = 0.2
"""Share of a class's examples that look like those of another class, from which on the two are in conflict."""
_NAMED = 3
"""Most examples that a check or a conflict names."""


@dataclass(frozen=True)
class ExampleCheck:
    """The check of an example before it is added to a memory.

    `verdict`: "new"; "duplicate", if it adds nothing to an example of its own class; or "conflict", if it looks like
    another class. `examples`: the duplicated or conflicting examples, nearest first.
    """

    verdict: Literal["new", "duplicate", "conflict"]
    examples: tuple[Neighbour, ...] = ()

    @property
    def looks_like(self) -> str | None:
        """The class that the example is in conflict with, or None."""
        return self.examples[0].label if self.verdict == "conflict" else None


@dataclass(frozen=True)
class Progress:
    """The progress of a class, measured by leave-one-out.

    `examples`: the number of examples. `different`: the number of different views that they show: frames of an object
    that does not move teach no more than one of them. `right`: the share of left-out examples that are predicted
    correctly; None if no example could be evaluated. `looks_like`: the class that it is in conflict with, or None.
    The class "background" needs no number of examples and no views.
    """

    label: str
    examples: int
    different: int
    verdict: Literal["too few", "one view", "conflict", "enough"]
    looks_like: str | None
    right: float | None

    def __str__(self) -> str:
        if self.looks_like is not None:
            return looks_like(self.looks_like)
        return WORDS["turn" if self.verdict == "one view" else "more" if self.verdict == "too few" else "enough"]


@dataclass(frozen=True)
class Conflict:
    """Two classes that look alike: `near` of the `examples` examples of `label` are as near to the class `other`.

    `ids`: examples of `label`, those most similar to the other class first.
    """

    label: str
    other: str
    near: int
    examples: int
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return look_alike(self.label, self.other, self.near, self.examples)


def check_example(learner: Learner, label: str, embedding: QuantizedVector) -> ExampleCheck:
    """Check an example of `label` against the examples of `learner`.

    It is in conflict with the class of the nearest example if it shows the same view, or if it is as near to it as that
    class's own examples are to each other, and far nearer than to anything else. That it is recognised as the class
    does not suffice: of a single class, many similar things are.
    """
    near = learner.nearest(embedding, len(learner))
    if not near:
        return ExampleCheck("new")
    rival, distance = near[0].label, 1 - near[0].cosine
    if rival != label and _is_conflict(learner, rival, distance, near):
        return ExampleCheck("conflict", tuple(one for one in near if one.label == rival)[:_NAMED])
    same = tuple(one for one in near if one.label == label and 1 - one.cosine < NEAR_DUPLICATE)
    return ExampleCheck("duplicate", same[:_NAMED]) if same and rival == label else ExampleCheck("new")


def _is_conflict(learner: Learner, rival: str, distance: float, near: Sequence[Neighbour]) -> bool:
    """Return whether something new at `distance` from the class `rival` is in conflict with it.

    `near`: all examples, nearest first.
    """
    if distance <= ONE_VIEW * learner.unknown_distance:
        return True
    _, units = learner.members(rival)
    others = (1 - one.cosine for one in near if one.label != rival)
    margin = FAR_NEARER * min(next(others, learner.unknown_distance), learner.unknown_distance)
    return len(units) >= ENOUGH and distance <= min(margin, float(nearest_distances(units).max()))


def advise(learner: Learner, label: str) -> Advice | None:
    """Return what to do next, after an example of `label` was stored; None if it is the background."""
    if label == BACKGROUND:
        return None
    ids, units = learner.members(label)
    different = count_views(units, learner.unknown_distance)
    if different == 1 and len(ids) >= STILL:
        return "turn"
    if different < ENOUGH:
        return "more"
    return "background" if lacks_background(learner) else "enough"


def lacks_background(learner: Learner) -> bool:
    """Return whether two classes or more are taught, but not how the place looks without them."""
    try:
        learner.check(BACKGROUND)
    except LabelError:  # a regression, which is taught numbers
        return False
    return len(learner.classes()) > 1 and BACKGROUND not in learner.classes()


def progress(learner: Learner) -> list[Progress]:
    """Return the progress of each class, in the order in which the classes were taught."""
    predicted = _left_out(learner)
    units = {label: learner.members(label)[1] for label in learner.classes()}
    found = []
    for label, examples in learner.classes().items():
        evaluated = predicted[label].total()
        right = predicted[label][label] / evaluated if evaluated else None
        different = count_views(units[label], learner.unknown_distance)
        rival = _rival(label, predicted[label], units, ONE_VIEW * learner.unknown_distance)
        verdict: Literal["too few", "one view", "conflict", "enough"] = "enough"
        if rival is not None:
            verdict = "conflict"
        elif label != BACKGROUND and different < ENOUGH:
            verdict = "one view" if different == 1 and examples >= STILL else "too few"
        found.append(Progress(label, examples, different, verdict, rival, right))
    return found


def conflicts(classes: Collection[Progress], learner: Learner) -> list[Conflict]:
    """Return the conflicts between the `classes`, as `progress` returned them: each pair once."""
    pairs = {frozenset((one.label, one.looks_like)): one for one in reversed(list(classes)) if one.looks_like}
    found = []
    for one in reversed(pairs.values()):
        label, other = one.label, str(one.looks_like)
        ways = (conflict_between(learner, label, other), conflict_between(learner, other, label))
        found.append(max(ways, key=lambda way: way.near / way.examples))
    return found


def conflict_between(learner: Learner, label: str, other: str) -> Conflict:
    """Return how many examples of `label` are as near to the class `other`, up to the width of one view."""
    ids, units = learner.members(label)
    across, within = nearest_distances(units, learner.members(other)[1]), nearest_distances(units)
    near = int((across <= within + ONE_VIEW * learner.unknown_distance).sum())
    first = np.argsort(across, kind="stable")[:_NAMED]
    return Conflict(label, other, near, len(ids), tuple(ids[index] for index in first.tolist()))


def _left_out(learner: Learner) -> dict[str, Counter[str]]:
    """Return how often the left-out examples of each class are predicted as each class."""
    classes = list(learner.classes())
    predicted: dict[str, Counter[str]] = {label: Counter() for label in classes}
    for label, scores in zip(learner.labels, learner.leave_one_out(), strict=True):
        # Skipped: a single class, which has no rival; an example whose class has no others but its near duplicates
        # (score 0); and with very many examples those that are not sampled (NaN).
        if len(classes) > 1 and scores[classes.index(label)] > 0:
            predicted[label][classes[scores.argmax()]] += 1
    return predicted


def _rival(
    label: str, predicted: Counter[str], units: Mapping[str, NDArray[np.float32]], one_view: float
) -> str | None:
    """Return the class that `label` is in conflict with, or None.

    `predicted`: how often its left-out examples are predicted as each class. Examples of one view are not left out, so
    those that show the same view as an example of the other class, at a distance of `one_view`, are counted as well.
    """
    count, evaluated = len(units[label]), predicted.total()
    shares: dict[str, float] = {}
    for other in units:
        same = 0 if other == label else int((nearest_distances(units[label], units[other]) <= one_view).sum())
        confused = predicted[other] if predicted[other] >= 2 else 0
        same = same if same >= min(2, count) else 0
        shares[other] = 0.0 if other == label else max(confused / max(evaluated, 1), same / count)
    rival = max(shares, key=shares.__getitem__)
    return rival if shares[rival] >= CONFLICT_SHARE else None
