"""`edge-cls doctor`: is this device in order, and if not, which command fixes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import ConfigOption, JsonOption, MemoryIfAnyOption

if TYPE_CHECKING:
    from edge_cls.doctor.report import Check

_COLORS = {"OK": "green", "WARN": "yellow", "FAIL": "red"}


def doctor(
    config: ConfigOption = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="The .tflite model.", show_default="the configuration's"),
    ] = None,
    memory: MemoryIfAnyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this device and suggest fixes.

    Each check is OK, WARN or FAIL. Nothing is changed. Exit code 1 if a check fails.

    Example:
      edge-cls doctor --config config.toml
    """
    from edge_cls.doctor.machine import this_machine
    from edge_cls.doctor.scan import examine

    checks = []
    with quiet_native_libraries():
        for check in examine(this_machine(), config=config, model=model, memory=memory):
            checks.append(check)
            if not as_json:
                _print(check)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    if any(check.level == "FAIL" for check in checks):
        raise typer.Exit(1)


def _print(check: Check) -> None:
    """Print the finding, and on a separate line, so that it can be copied, the command that fixes it."""
    from edge_cls.errors import one_line

    level = typer.style(f"{check.level:4}", fg=_COLORS[check.level], bold=check.level != "OK")
    typer.echo(f"{level}  {check.name:14}  {one_line(check.message)}")
    if check.hint:
        typer.echo(f"{'':6}{'fix:':14}  {check.hint}")
