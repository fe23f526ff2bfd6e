"""`edge-cls memory coach`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.memory.opened import count, opened
from edge_cls.cli.options import JsonOption, MemoryOption

if TYPE_CHECKING:
    from edge_cls.learning.coach import Progress


def coach(memory: MemoryOption, as_json: JsonOption = False) -> None:
    """Show which classes need more or better examples.

    Each example is classified by the others, without itself (leave-one-out). The last line names the head that
    recognises the classes, and why it was chosen.

    Example:
      edge-cls memory coach --memory taught.db
    """
    from edge_cls.errors import one_line
    from edge_cls.learning.coach import progress
    from edge_cls.learning.learner import Learner

    with opened(memory) as taught:
        learner = Learner()
        learner.fit(taught.embeddings())
    classes, choice = progress(learner), learner.choice()
    head = "nothing has been taught" if choice is None else choice.reason
    if as_json:
        document = {"head": head, "classes": [asdict(one) for one in classes]}
        print_json(document)
        return
    for one in classes:
        typer.echo(f"{one_line(one.label)}: {count(one.examples)}{_different(one)}{_right(one)}, {one_line(str(one))}")
    typer.echo(f"head: {head}")


def _right(one: Progress) -> str:
    return "" if one.right is None else f", {one.right:.0%} right when left out"


def _different(one: Progress) -> str:
    return "" if one.different == one.examples else f" ({one.different} different)"
