"""The `edge-cls memory` commands that look after the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.memory.opened import count, opened
from edge_cls.cli.options import MemoryOption


def vacuum(memory: MemoryOption) -> None:
    """Erase for good what was deleted, and with it what could be undone."""
    with opened(memory) as taught:
        erased = taught.vacuum()
    typer.echo(f"erased {count(erased)} for good; nothing done before can be undone any more")


def check(
    memory: MemoryOption,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put a damaged file aside, and save what can be read of it.")
    ] = False,
) -> None:
    """Check the whole file: its structure, each photo and each vector. Exits with 1 where anything is wrong."""
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
        typer.echo("to save what can be read: edge-cls memory check --repair", err=True)
    if problems or recovered:
        raise typer.Exit(1)
    typer.echo(f"{one_line(str(memory))} is sound ({count(examples)})")


def backup(
    out: Annotated[Path, typer.Argument(readable=False, help="The file to write, a new one.", show_default=False)],
    memory: MemoryOption,
) -> None:
    """Write a copy of the memory, while others may use it."""
    from edge_cls.errors import one_line

    with opened(memory) as taught:
        taught.backup(out)
        examples = sum(taught.classes().values())
    typer.echo(f"{one_line(str(out))}: {count(examples)}; to bring it back: edge-cls memory restore")


def restore(
    copy: Annotated[Path, typer.Argument(readable=False, help="A file of 'memory backup'.", show_default=False)],
    memory: MemoryOption,
) -> None:
    """Replace what was taught by a copy. What there is now is kept in a file beside it."""
    from edge_cls.errors import one_line

    with opened(memory) as taught:
        before = taught.restore(copy)
        examples = sum(taught.classes().values())
    typer.echo(f"restored {count(examples)}; what there was before is in {one_line(str(before))}")


def reembed(
    model: Annotated[
        Path, typer.Option(readable=False, help="The .tflite model to use from now on.", show_default=False)
    ],
    memory: MemoryOption,
) -> None:
    """Make every vector anew, for another backbone. A run that was killed goes on where it was."""
    from rich.console import Console
    from rich.progress import Progress

    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.model.file import read_model
    from edge_cls.model.model import Model

    console = Console(stderr=True)
    with quiet_native_libraries(), opened(memory) as taught:
        network = Model(read_model(model))
        examples = sum(taught.classes().values())
        with Progress(console=console, transient=True, disable=not console.is_terminal) as display:
            task = display.add_task("embedding", total=examples)
            made = taught.reembed(network.space, network.embed, advance=lambda done: display.advance(task, done))
    typer.echo(f"{count(made)} embedded anew; use it with --model {model}" if made else "nothing had to be done")
