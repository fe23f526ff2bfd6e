"""`edge-cls memory coach`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.memory.opened import count, opened, short
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, MemoryOption, ModelOption

if TYPE_CHECKING:
    from edge_cls.learning.coach import Conflict, Progress
    from edge_cls.learning.learner import Learner


def coach(memory: MemoryOption, model: ModelOption = None, as_json: JsonOption = False) -> None:
    """Show which classes need more or better examples.

    Each example is classified by the others, without itself (leave-one-out). Of classes that look alike, both are
    named. One line names the head that recognises the classes, and why it was chosen. If there are enough examples, the
    last line estimates how many frames of a taught thing would be unknown, and how many of a similar thing would not.

    For a memory that was taught on a model file, give it (--model): it knows how much photos of different things
    differ.

    Example:
      edge-cls memory coach --memory taught.db
    """
    from edge_cls.errors import one_line
    from edge_cls.learning.advice import wrong_rates
    from edge_cls.learning.coach import conflicts, lacks_background, progress

    learner, complete = _learner(memory, model)
    classes, choice = progress(learner), learner.choice()
    pairs, empty_place = conflicts(classes, learner), lacks_background(learner)
    head = "nothing has been taught" if choice is None else choice.reason
    rates = learner.rates() if complete else None  # without its backbone, the threshold is not that of `run`
    if as_json:
        document = {
            "head": head,
            "classes": [asdict(one) for one in classes],
            "conflicts": [asdict(one) for one in pairs],
            "lacks_background": empty_place,
            "complete": complete,
            "rates": None if rates is None else asdict(rates),
        }
        print_json(document)
        return
    for one in classes:
        typer.echo(f"{one_line(one.label)}: {count(one.examples)}{_different(one)}{_right(one)}, {one_line(str(one))}")
    for line in advice_lines(pairs, empty_place=empty_place):
        typer.echo(line)
    if not complete:
        typer.echo("judged without its backbone, which is none of those with a name: give the model (--model FILE)")
    typer.echo(f"head: {head}")
    if rates is not None and (sentence := wrong_rates(rates)):
        typer.echo(sentence)


def _learner(path: Path, model: Path | None) -> tuple[Learner, bool]:
    """Return the learner of `run` and True; one that lacks the facts of the backbone and False if that is not known."""
    from edge_cls.classifier import Classifier
    from edge_cls.learning.learner import Learner
    from edge_cls.model.names import name_of_space

    with opened(path) as taught:
        if model is None and name_of_space(taught.space) is None:
            learner = Learner()
            learner.fit(taught.embeddings())
            return learner, taught.space is None
    with quiet_native_libraries(), Classifier(model, memory=path, classes="memory") as classifier:
        return classifier.learner, True


def advice_lines(pairs: Iterable[Conflict], *, empty_place: bool) -> Iterator[str]:
    """Yield the coach's advice on all classes together: a line for each conflict, and one for the empty place."""
    from edge_cls.errors import one_line
    from edge_cls.learning.advice import WORDS

    for pair in pairs:
        yield f"{one_line(str(pair))} ({', '.join(short(identity) for identity in pair.ids)})"
    if empty_place:
        yield WORDS["background"]


def _right(one: Progress) -> str:
    return "" if one.right is None else f", {one.right:.0%} right when left out"


def _different(one: Progress) -> str:
    return "" if one.different == one.examples else f" ({one.different} different)"
