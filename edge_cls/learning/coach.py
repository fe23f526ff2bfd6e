"""The coach: what a new example brings, and what each class still needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.heads.examples import NEAR_DUPLICATE
from edge_cls.learning.learner import HeadPrediction, Learner, Neighbour

SURE = 0.5
"""The score from which another class's claim to an example is a conflict."""
FEW = 5
"""Below so many different examples a class is not learnt yet: on four sets of photos the fifth still adds points of
accuracy."""
CONFUSED = 0.2
"""The share of a class's examples that, left out, are taken for one other class, from which the two are confused."""
_NAMED = 3


@dataclass(frozen=True)
class ExampleCheck:
    """What an example brings to a memory in which it is not yet.

    `new`; a `duplicate` of an example of its own class, and adds nothing; or in `conflict` with another class, which it
    looks like. `examples` are those it is a duplicate of, or in conflict with, the nearest first.
    """

    verdict: Literal["new", "duplicate", "conflict"]
    examples: tuple[Neighbour, ...] = ()

    @property
    def looks_like(self) -> str | None:
        """The class that a conflict is with."""
        return self.examples[0].label if self.verdict == "conflict" else None


@dataclass(frozen=True)
class Progress:
    """How far a class has come, by leaving out one example at a time.

    Of `examples` so many are `different`, where near duplicates count as one: frames of a thing that stands still teach
    no more than one of them. `right` is the share of them, left out, that are taken for their class; None where none
    could be asked.
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
    """Return what an example of `label` would bring to what `learner` knows.

    `prediction`: what the embedding is taken for, where that is known already.
    """
    near = learner.nearest(embedding, _NAMED)
    if not near:
        return ExampleCheck("new")
    same = [one for one in near if 1 - one.cosine < NEAR_DUPLICATE]
    prediction = prediction or learner.predict(embedding)
    best = max(prediction.scores, key=prediction.scores.__getitem__, default=label)
    if same and same[0].label != label:
        rival = same[0].label
    elif not prediction.unknown and best != label and prediction.scores[best] >= SURE:
        rival = best
    elif same:
        return ExampleCheck("duplicate", tuple(same))
    else:
        return ExampleCheck("new")
    return ExampleCheck("conflict", tuple(learner.nearest(embedding, _NAMED, label=rival)))


def progress(learner: Learner) -> list[Progress]:
    """Return how far each class has come, in the order in which they were taught."""
    counts = learner.classes()
    classes = list(counts)
    taken_for: dict[str, Counter[str]] = {label: Counter() for label in classes}
    for label, scores in zip(learner.labels, learner.leave_one_out(), strict=True):
        # A single class has no rival. Without fellows, but for its near duplicates, an example cannot be taken for its
        # class; and of very many examples some are not asked.
        if len(classes) > 1 and scores[classes.index(label)] > 0:
            taken_for[label][classes[scores.argmax()]] += 1
    different = learner.different()
    return [_progress(label, counts[label], different[label], taken_for[label]) for label in classes]


def _progress(label: str, examples: int, different: int, answers: Counter[str]) -> Progress:
    asked = answers.total()
    right = answers[label] / asked if asked else None
    rivals = [(name, count) for name, count in answers.most_common() if name != label]
    if rivals and rivals[0][1] >= max(2, CONFUSED * asked):
        return Progress(label, examples, different, "confused", rivals[0][0], right)
    return Progress(label, examples, different, "too few" if different < FEW else "enough", None, right)
