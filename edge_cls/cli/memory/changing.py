"""The `edge-cls memory` commands that change the taught examples. Each change can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.opened import count, existing_class, opened, short
from edge_cls.cli.options import MemoryOption

if TYPE_CHECKING:
    from edge_cls.memory.store import Operation

Label = Annotated[str, typer.Argument(metavar="LABEL", help="The label of a taught class.", show_default=False)]
NewLabel = Annotated[
    str, typer.Argument(metavar="NEW_LABEL", help="The label of a taught class or of a new one.", show_default=False)
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of an example, or its beginning.", show_default=False)]
_UNDO = "undo: edge-cls memory undo"


def undo(memory: MemoryOption) -> None:
    """Undo the last change; repeat it to undo the one before.

    Teaching is a change, too.

    Example:
      edge-cls memory undo --memory taught.db
    """
    with opened(memory) as taught:
        _report("undone", taught.undo(), f"{memory} has no change to undo", "edge-cls memory redo")


def redo(memory: MemoryOption) -> None:
    """Redo the change that was undone last.

    Example:
      edge-cls memory redo --memory taught.db
    """
    with opened(memory) as taught:
        _report("redone", taught.redo(), f"{memory} has no undone change to redo", "edge-cls memory undo")


def forget(label: Label, memory: MemoryOption) -> None:
    """Delete a class with all its examples.

    Example:
      edge-cls memory forget mug --memory taught.db
    """
    with opened(memory) as taught:
        label = existing_class(taught, label)
        typer.echo(f"forgot {label} ({count(taught.forget(label))}); {_UNDO}")


def relabel(label: Label, new: NewLabel, memory: MemoryOption) -> None:
    """Rename a class, or merge it into another one.

    Example:
      edge-cls memory relabel mug cup --memory taught.db
    """
    from edge_cls.core.labels import check_label

    new = check_label(new)
    with opened(memory) as taught:
        label = existing_class(taught, label)
        joined = new in taught.classes() and new != label
        moved = taught.relabel(label, new)
        typer.echo(f"{label} {'joined' if joined else 'is now'} {new} ({count(moved)}); {_UNDO}")


def move(identity: Id, label: NewLabel, memory: MemoryOption) -> None:
    """Move an example to another class.

    'edge-cls memory show' prints the ids of examples.

    Example:
      edge-cls memory move 1f0c9a3e cup --memory taught.db
    """
    from edge_cls.core.labels import check_label

    label = check_label(label)
    with opened(memory) as taught:
        example = taught.find(identity)
        taught.move(example.id, label)
        typer.echo(f"moved {short(example.id)} from {example.label} to {label}; {_UNDO}")


def remove(
    identities: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of examples, or their beginnings.")],
    memory: MemoryOption,
) -> None:
    """Delete single examples.

    Example:
      edge-cls memory remove 1f0c9a3e --memory taught.db
    """
    with opened(memory) as taught:
        found = [taught.find(identity) for identity in identities]
        removed = taught.remove([example.id for example in found])
        labels = ", ".join(dict.fromkeys(example.label for example in found))
        typer.echo(f"removed {count(removed)} of {labels}; {_UNDO}")


def _report(done: str, operation: Operation | None, nothing: str, back: str) -> None:
    from edge_cls.errors import MemoryFileError, one_line

    if operation is None:
        raise MemoryFileError(nothing, hint="see its classes: 'edge-cls memory list'")
    typer.echo(f"{done}: {one_line(str(operation))}; to reverse this: {back}")
