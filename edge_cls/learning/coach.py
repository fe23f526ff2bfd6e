"""The coach: checks new examples for duplicates and conflicts, and reports the progress of each class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from edge_cls.core.neighbour import Neighbour
from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.heads.examples import NEAR_DUPLICATE
from edge_cls.learning.learner import HeadPrediction, Learner

CONFLICT_SCORE = 0.5
"""Score of another class above which a new example is in conflict with that class."""
ENOUGH = 5
"""Different examples that a class needs: on four photo data sets the fifth example still adds percentage points of
accuracy."""
CONFUSED_SHARE = 0.2
"""Share of a class's left-out examples that are predicted as one other class, above which the two are confused."""
_NAMED = 3
"""Most examples that a check names."""


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

    `examples`: the number of examples. `different`: the same, with near duplicates counted as one, because frames of an
    object that does not move teach no more than one of them. `right`: the share of left-out examples that are predicted
    correctly; None if no example could be evaluated. `confused_with`: the class of most wrong predictions, if they are
    many.
    """

    label: str
    examples: int
    different: int
    verdict: Literal["too few", "enough", "confused"]
    confused_with: str | None
    right: float | None

    def __str__(self) -> str:
        return f"confused with {self.confused_with}" if self.confused_with else self.verdict


def check_example(
    learner: Learner, label: str, embedding: QuantizedVector, prediction: HeadPrediction | None = None
) -> ExampleCheck:
    """Check an example of `label` against the examples of `learner`.

    `prediction`: the prediction for `embedding`, if the caller has it already.
    """
    near = learner.nearest(embedding, _NAMED)
    if not near:
        return ExampleCheck("new")
    same = [one for one in near if 1 - one.cosine < NEAR_DUPLICATE]
    prediction = prediction or learner.predict(embedding)
    best = max(prediction.scores, key=prediction.scores.__getitem__, default=label)
    if same and same[0].label != label:
        rival = same[0].label
    elif not prediction.unknown and best != label and prediction.scores[best] >= CONFLICT_SCORE:
        rival = best
    elif same:
        return ExampleCheck("duplicate", tuple(same))
    else:
        return ExampleCheck("new")
    return ExampleCheck("conflict", tuple(learner.nearest(embedding, _NAMED, label=rival)))


def progress(learner: Learner) -> list[Progress]:
    """Return the progress of each class, in the order in which the classes were taught."""
    counts = learner.classes()
    classes = list(counts)
    predicted: dict[str, Counter[str]] = {label: Counter() for label in classes}
    for label, scores in zip(learner.labels, learner.leave_one_out(), strict=True):
        # Skipped: a single class, which has no rival; an example whose class has no others but its near duplicates
        # (score 0); and with very many examples those that are not sampled (NaN).
        if len(classes) > 1 and scores[classes.index(label)] > 0:
            predicted[label][classes[scores.argmax()]] += 1
    different = learner.different()
    return [_progress(label, counts[label], different[label], predicted[label]) for label in classes]


def _progress(label: str, examples: int, different: int, predicted: Counter[str]) -> Progress:
    evaluated = predicted.total()
    right = predicted[label] / evaluated if evaluated else None
    rivals = [(name, count) for name, count in predicted.most_common() if name != label]
    if rivals and rivals[0][1] >= max(2, CONFUSED_SHARE * evaluated):
        return Progress(label, examples, different, "confused", rivals[0][0], right)
    return Progress(label, examples, different, "too few" if different < ENOUGH else "enough", None, right)
