"""The `edge-cls memory` commands that change what was taught. Each can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.opened import count, existing_class, opened, short
from edge_cls.cli.options import MemoryOption

if TYPE_CHECKING:
    from edge_cls.memory.store import Operation

Label = Annotated[str, typer.Argument(help="The label of a class.", show_default=False)]
NewLabel = Annotated[str, typer.Argument(help="A label, of a class that exists or of a new one.", show_default=False)]
Id = Annotated[str, typer.Argument(help="The id of an example, or its beginning.", show_default=False)]
_UNDO = "undo: edge-cls memory undo"


def undo(memory: MemoryOption) -> None:
    """Take back the last change, whatever it was; again, the one before."""
    with opened(memory) as taught:
        _tell("undone", taught.undo(), f"nothing was done in {memory} that could be undone", "edge-cls memory redo")


def redo(memory: MemoryOption) -> None:
    """Do again what was taken back last."""
    with opened(memory) as taught:
        _tell("done again", taught.redo(), f"nothing in {memory} was undone last", "edge-cls memory undo")


def forget(label: Label, memory: MemoryOption) -> None:
    """Delete a class with all its examples."""
    with opened(memory) as taught:
        label = existing_class(taught, label)
        typer.echo(f"forgot {label} ({count(taught.forget(label))}); {_UNDO}")


def relabel(label: Label, new: NewLabel, memory: MemoryOption) -> None:
    """Rename a class, or join it to another one."""
    from edge_cls.core.labels import check_label

    new = check_label(new)
    with opened(memory) as taught:
        label = existing_class(taught, label)
        joined = new in taught.classes() and new != label
        moved = taught.relabel(label, new)
        typer.echo(f"{label} {'joined' if joined else 'is now'} {new} ({count(moved)}); {_UNDO}")


def move(identity: Id, label: NewLabel, memory: MemoryOption) -> None:
    """Let an example be of another class."""
    from edge_cls.core.labels import check_label

    label = check_label(label)
    with opened(memory) as taught:
        example = taught.find(identity)
        taught.move(example.id, label)
        typer.echo(f"moved {short(example.id)} from {example.label} to {label}; {_UNDO}")


def remove(
    identities: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of examples, or their beginnings.")],
    memory: MemoryOption,
) -> None:
    """Delete single examples."""
    with opened(memory) as taught:
        found = [taught.find(identity) for identity in identities]
        removed = taught.remove([example.id for example in found])
        labels = ", ".join(dict.fromkeys(example.label for example in found))
        typer.echo(f"removed {count(removed)} of {labels}; {_UNDO}")


def _tell(what: str, operation: Operation | None, nothing: str, back: str) -> None:
    from edge_cls.errors import MemoryFileError, one_line

    if operation is None:
        raise MemoryFileError(nothing, hint="see what it holds: 'edge-cls memory list'")
    typer.echo(f"{what}: {one_line(str(operation))}; take that back: {back}")
