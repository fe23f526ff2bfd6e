"""`edge-cls evaluate`: how good a model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries

if TYPE_CHECKING:
    from edge_cls_tools.evaluation import Evaluation


def evaluate(
    model: Annotated[Path, typer.Argument(readable=False, help="The .tflite model.", show_default=False)],
    data: Annotated[
        Path, typer.Argument(readable=False, help="A folder a class; a test folder in it counts.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Measure an int8 model on photos it has not learnt from."""
    import json
    from dataclasses import asdict

    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.evaluation import evaluate as measure

        with progress_display() as display:
            task = display.add_task("classifying", total=None, note="")
            evaluation = measure(model, data, advance=lambda count: display.advance(task, count))
    if as_json:
        typer.echo(json.dumps(asdict(evaluation), indent=2, ensure_ascii=False))
    else:
        _show(evaluation)


def _show(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    left_out = f" ({evaluation.left_out} it was trained on are left out)" if evaluation.left_out else ""
    console.print(f"{evaluation.photos} photos{left_out}")
    console.print(
        f"accuracy {evaluation.accuracy:.1%}, top-5 {evaluation.top5_accuracy:.1%}, "
        f"expected calibration error {evaluation.expected_calibration_error:.3f}"
    )
    table = Table("class", "precision", "recall", "F1", "photos", "most often taken for")
    for index, (label, metrics) in enumerate(evaluation.classes.items()):
        mistakes = [(count, other) for other, count in enumerate(evaluation.confusion[index]) if other != index]
        count, other = max(mistakes, default=(0, index))
        row = (f"{metrics.precision:.1%}", f"{metrics.recall:.1%}", f"{metrics.f1:.1%}", str(metrics.photos))
        table.add_row(label, *row, f"{evaluation.labels[other]} ({count})" if count else "")
    console.print(table)
