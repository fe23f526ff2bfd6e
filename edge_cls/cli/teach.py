"""`edge-cls teach`: a class from a few photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def teach(
    label: Annotated[str, typer.Argument(help="What the photos show.", show_default=False)],
    images: Annotated[list[Path], typer.Argument(readable=False, help="The photos.", show_default=False)],
    memory: Annotated[
        Path, typer.Option(readable=False, help="The file of taught examples; made if missing.", show_default=False)
    ],
    model: Annotated[
        Path | None,
        typer.Option(readable=False, help="A .tflite model with an embedding.", show_default="the built-in backbone"),
    ] = None,
) -> None:
    """Teach a class from a few photos. Each is stored for good before the command answers."""
    from edge_cls.classifier import Classifier
    from edge_cls.images import read_image

    # All are read first: a bad one is found before anything is stored.
    frames = [read_image(image) for image in images]
    with quiet_native_libraries(), Classifier(model, memory=memory) as classifier:
        for frame in frames:
            classifier.teach(label, frame)
        taught = classifier.taught()
    typer.echo(f"{label.strip()}: {len(frames)} taught, {taught[label.strip()]} in all")
    typer.echo(f"{memory}: {', '.join(f'{name} {count}' for name, count in taught.items())}")
