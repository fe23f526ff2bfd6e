"""`edge-cls quantize`: from a training to an int8 model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def quantize(
    run: Annotated[
        Path, typer.Argument(readable=False, help="The folder that 'train' or 'distill' wrote.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .tflite file to write.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Convert a training to a full int8 model, and compare the two on held-out photos."""
    import json
    from dataclasses import asdict

    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.quantization import quantize as convert

        with progress_display() as display:
            task = display.add_task("converting, then comparing", total=None, note="")
            comparison = convert(run, out, advance=lambda count: display.advance(task, count))
    if as_json:
        typer.echo(json.dumps(asdict(comparison), indent=2))
        return
    typer.echo(
        f"{out}: {comparison.int8_bytes / 1e6:.2f} MB int8 (the float weights: {comparison.float_bytes / 1e6:.2f} MB)"
    )
    if comparison.float_accuracy is not None:
        typer.echo(
            f"accuracy {comparison.float_accuracy:.1%} float, {comparison.int8_accuracy:.1%} int8, "
            f"agreement {comparison.agreement:.1%} (on {comparison.images} test photos)"
        )
    typer.echo(f"embeddings: cosine {comparison.embedding_cosine:.4f} between float and int8")
