"""How the commands that check something print a result: the level, the finding, and the fix."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from edge_cls.errors import one_line

_COLORS = {"OK": "green", "WARN": "yellow", "FAIL": "red"}


def print_check(level: str, name: str, message: str, hint: str = "", details: Iterable[str] = ()) -> None:
    """Print the result of a check: `level` (OK, WARN or FAIL), its name and the message on one line.

    Each of `details` follows on a line of its own, and so does the hint, so that both can be copied. Nothing is folded.
    """
    label = typer.style(f"{level:4}", fg=_COLORS[level], bold=level != "OK")
    typer.echo(f"{label}  {name:14}  {one_line(message)}")
    for line in details:
        typer.echo(f"{'':6}{line}")
    if hint:
        typer.echo(f"{'':6}{'fix:':14}  {hint}")
