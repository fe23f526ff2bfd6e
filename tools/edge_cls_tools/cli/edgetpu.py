"""`edge-cls edgetpu`: check a model for the Edge TPU, and compile it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.options import JsonOption, ModelArgument
from edge_cls.cli.verbosity import is_quiet

if TYPE_CHECKING:
    from edge_cls_tools.edgetpu.check import Check

edgetpu = typer.Typer(
    help="Check a model for the Edge TPU, and compile it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@edgetpu.command("check")
def check_model(model: ModelArgument, as_json: JsonOption = False) -> None:
    """List the operators that do not map to an Edge TPU, with hints.

    Exit code 1 if there are any.

    Example:
      edge-cls edgetpu check model.tflite
    """
    from dataclasses import asdict

    from edge_cls_tools.edgetpu.check import check

    checked = check(model)
    if as_json:
        document = {
            "file": str(model),
            "compiled": checked.compiled,
            "operators": len(checked.verdicts),
            "mapped": checked.mapped,
            "verdicts": [asdict(verdict) | {"maps": verdict.maps} for verdict in checked.verdicts],
        }
        print_json(document)
    else:
        _show(model, checked)
    if not checked.passed:
        raise typer.Exit(1)


def _show(model: Path, checked: Check) -> None:
    """Print the operators that do not map, grouped by reason, and the number of those that do."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for verdict in checked.verdicts:
        for problem in verdict.problems:
            groups.setdefault((verdict.operator, problem.why, problem.hint), []).append(verdict.index)
    for (operator, why, hint), places in groups.items():
        where = ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")
        typer.echo(f"{len(places):4} {operator} (operator {where}): {why}; {hint}")
    if checked.compiled:
        on_cpu = len(checked.verdicts) - checked.mapped
        typer.echo(f"{model} is compiled for the Edge TPU already; {on_cpu} operators run on the CPU")
    else:
        typer.echo(f"{model}: {checked.mapped} of {len(checked.verdicts)} operators map to the Edge TPU")


@edgetpu.command("compile")
def compile_for_edge_tpu(
    model: ModelArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            readable=False,
            help="Folder to write to.",
            show_default="the model's folder",
        ),
    ] = None,
    min_mapped: Annotated[
        float,
        typer.Option(
            metavar="PERCENT", min=0, max=100, help="Fail if fewer than this percentage of the operators map."
        ),
    ] = 95.0,
    timeout_sec: Annotated[
        int, typer.Option("--timeout_sec", metavar="SECONDS", min=1, help="Time limit of the compiler, in seconds.")
    ] = 180,
    as_json: JsonOption = False,
) -> None:
    """Compile a model with edgetpu_compiler.

    The labels and the manifest of the model are added to the compiled file.

    Example:
      edge-cls edgetpu compile model.tflite -o compiled
    """
    from dataclasses import asdict

    from rich.console import Console

    from edge_cls_tools.edgetpu.compile import compile_model

    console = Console(stderr=True)
    with console.status("compiling") if console.is_terminal and not is_quiet() else console:
        compiled = compile_model(model, out or model.parent, min_mapped=min_mapped, timeout_sec=timeout_sec)
    summary = compiled.summary
    if as_json:
        document = {
            "file": str(compiled.model),
            "log": str(compiled.log),
            **asdict(summary),
            "percent": summary.percent,
        }
        print_json(document)
        return
    typer.echo(
        f"{compiled.model}: {summary.mapped} of {summary.total} operators on the Edge TPU, "
        f"in {summary.subgraphs} subgraphs (log: {compiled.log})"
    )
