"""`edge-cls demo`: run the whole workflow on included images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def demo(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", readable=False, help="Folder for all files of the demonstration.")
    ] = Path("demo-out"),
) -> None:
    """Train, quantise, evaluate, teach and stream, all offline.

    The images ship with libraries, so nothing is downloaded.

    Example:
      edge-cls demo --out demo-out
    """
    import json
    from dataclasses import asdict

    with quiet_native_libraries():
        from edge_cls.files import write_whole
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.demo.job import run_demo

        with progress_display() as display:
            summary = run_demo(out, display)
    write_whole(out / "summary.json", json.dumps(asdict(summary), indent=2).encode())
    typer.echo("handwritten digits (train, quantize, evaluate):")
    typer.echo(f"  accuracy {summary.float_accuracy:.1%} float, {summary.int8_accuracy:.1%} int8")
    typer.echo(f"  agreement {summary.agreement:.1%}, model {summary.model_bytes / 1e6:.2f} MB")
    typer.echo(f"virtual camera over photographs, taught {', '.join(summary.taught_classes)} with five frames each:")
    typer.echo(f"  accuracy on frames of taught classes {summary.stream_accuracy:.1%}")
    typer.echo(f"  frames of other objects rejected as unknown {summary.unknown_rejected:.1%}")
    typer.echo(f"  {summary.frames} frames at {summary.fps:.0f} frames per second")
    typer.echo(f"see {out / 'contact-sheet.png'} for the frames, {out / 'summary.json'} for all figures")
