"""`edge-cls export-labels`: the labels inside a model, for programs that need them in a file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.options import ModelArgument


def export_labels(
    model: ModelArgument,
    indexed: Annotated[bool, typer.Option("--indexed", help="Write '0 label' instead of 'label'.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", readable=False, help="The file to write.", show_default="standard output"
        ),
    ] = None,
) -> None:
    """Write the labels inside a model, one per line.

    Example:
      edge-cls export-labels model.tflite -o labels.txt
    """
    from edge_cls.core.labels import format_labels
    from edge_cls.errors import ModelError
    from edge_cls.files import write_whole
    from edge_cls.model.file import read_model

    labels = read_model(model).labels
    if not labels:
        raise ModelError(f"{model} has no labels inside", hint="use a classifier, as 'edge-cls quantize' writes it")
    text = format_labels(labels, indexed=indexed)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_whole(out, text.encode())
