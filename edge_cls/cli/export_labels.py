"""`edge-cls export-labels`: the labels inside a model, for programs that want them beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_labels(
    model: Annotated[Path, typer.Argument(readable=False, help="The .tflite model.", show_default=False)],
    indexed: Annotated[bool, typer.Option("--indexed", help="Write '0 label' instead of 'label'.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", readable=False, help="The file to write.", show_default="standard output"),
    ] = None,
) -> None:
    """Write the labels inside a model, one a line."""
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
