"""`edge-cls doctor`: is this device in order, and if not, which command fixes it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.check_lines import print_check
from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import ConfigOption, JsonOption, MemoryIfAnyOption


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
    from edge_cls.doctor.scan import run_checks

    checks = []
    with quiet_native_libraries():
        for check in run_checks(this_machine(), config=config, model=model, memory=memory):
            checks.append(check)
            if not as_json:
                print_check(check.level, check.name, check.message, check.hint)
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    if any(check.level == "FAIL" for check in checks):
        raise typer.Exit(1)
