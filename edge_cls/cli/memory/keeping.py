"""The `edge-cls memory` commands that maintain the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.memory.opened import count, opened
from edge_cls.cli.options import MemoryOption
from edge_cls.cli.verbosity import is_quiet, note
from edge_cls.model.names import CHOICES, NAMES


def vacuum(memory: MemoryOption) -> None:
    """Permanently erase deleted examples and the undo history.

    Example:
      edge-cls memory vacuum --memory taught.db
    """
    with opened(memory) as taught:
        erased = taught.vacuum()
    typer.echo(f"erased {count(erased)} permanently; earlier changes can no longer be undone")


def check(
    memory: MemoryOption,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move a damaged file aside and save the examples that can be read.")
    ] = False,
) -> None:
    """Check the structure, every photo and every vector of the file.

    Exit code 1 if there is a problem.

    Example:
      edge-cls memory check --memory taught.db
    """
    from edge_cls.errors import one_line

    with opened(memory) as taught:
        problems = taught.check()
        if problems and repair and not taught.recovered:
            taught.repair()
            problems = taught.check()
        recovered = taught.recovered
        examples = sum(taught.classes().values())
    for problem in problems:
        typer.echo(one_line(problem))
    if problems and not recovered and not repair:
        note("to save the examples that can be read: edge-cls memory check --repair")
    if problems or recovered:
        raise typer.Exit(1)
    typer.echo(f"{one_line(str(memory))}: no problems found ({count(examples)})")


def backup(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, help="The new file to write.", show_default=False)
    ],
    memory: MemoryOption,
) -> None:
    """Write a copy of the memory, even while it is in use.

    Example:
      edge-cls memory backup backup.db --memory taught.db
    """
    from edge_cls.errors import one_line

    with opened(memory) as taught:
        taught.backup(out)
        examples = sum(taught.classes().values())
    typer.echo(f"{one_line(str(out))}: {count(examples)}; to use it again: edge-cls memory restore")


def restore(
    copy: Annotated[
        Path, typer.Argument(metavar="COPY", readable=False, help="A file of 'memory backup'.", show_default=False)
    ],
    memory: MemoryOption,
) -> None:
    """Replace the taught examples by those of a backup.

    The present examples are kept in a file next to the memory.

    Example:
      edge-cls memory restore backup.db --memory taught.db
    """
    from edge_cls.errors import one_line

    with opened(memory) as taught:
        before = taught.restore(copy)
        examples = sum(taught.classes().values())
    typer.echo(f"restored {count(examples)}; the previous examples are in {one_line(str(before))}")


def reembed(
    model: Annotated[
        Path,
        typer.Option(metavar="MODEL", readable=False, help=f"Model to use from now on: {CHOICES}.", show_default=False),
    ],
    memory: MemoryOption,
) -> None:
    """Recompute every vector for another backbone.

    If it is interrupted, the next call continues where it stopped.

    Example:
      edge-cls memory reembed --model model.tflite --memory taught.db
    """
    from rich.console import Console
    from rich.progress import Progress

    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.model.backbones import load_model
    from edge_cls.model.model import Model

    console = Console(stderr=True)
    with quiet_native_libraries(), opened(memory) as taught:
        network = Model(load_model(model))
        examples = sum(taught.classes().values())
        with Progress(console=console, transient=True, disable=is_quiet() or not console.is_terminal) as display:
            task = display.add_task("embedding", total=examples)
            made = taught.reembed(network.space, network.embed, advance=lambda done: display.advance(task, done))
    # A backbone with a name is found by the memory.
    use = "" if str(model) in NAMES else f"; use the memory with --model {model}"
    typer.echo(f"{count(made)} embedded again{use}" if made else "nothing to do")
