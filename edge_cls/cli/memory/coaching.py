"""`edge-cls memory coach`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.memory.opened import count, opened, short
from edge_cls.cli.options import JsonOption, MemoryOption

if TYPE_CHECKING:
    from edge_cls.learning.coach import Conflict, Progress


def coach(memory: MemoryOption, as_json: JsonOption = False) -> None:
    """Show which classes need more or better examples.

    Each example is classified by the others, without itself (leave-one-out). Of classes that look alike, both are
    named. The last line names the head that recognises the classes, and why it was chosen.

    Example:
      edge-cls memory coach --memory taught.db
    """
    from edge_cls.errors import one_line
    from edge_cls.learning.coach import conflicts, lacks_background, progress
    from edge_cls.learning.learner import Learner

    with opened(memory) as taught:
        learner = Learner()
        learner.fit(taught.embeddings())
    classes, choice = progress(learner), learner.choice()
    pairs, empty_place = conflicts(classes, learner), lacks_background(learner)
    head = "nothing has been taught" if choice is None else choice.reason
    if as_json:
        document = {
            "head": head,
            "classes": [asdict(one) for one in classes],
            "conflicts": [asdict(one) for one in pairs],
            "lacks_background": empty_place,
        }
        print_json(document)
        return
    for one in classes:
        typer.echo(f"{one_line(one.label)}: {count(one.examples)}{_different(one)}{_right(one)}, {one_line(str(one))}")
    for line in advice_lines(pairs, empty_place=empty_place):
        typer.echo(line)
    typer.echo(f"head: {head}")


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
