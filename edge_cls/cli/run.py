"""`edge-cls run`: a stream of frames to labels."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.opened import warn_of_recovery
from edge_cls.cli.options import MemoryIfAnyOption

if TYPE_CHECKING:
    from edge_cls.classifier import Classifier


def run(
    source: Annotated[
        str, typer.Option(help="A video, an image, a folder or a pattern of images, or 'demo'.", show_default=False)
    ],
    model: Annotated[
        Path | None, typer.Option(readable=False, help="The .tflite model.", show_default="the built-in backbone")
    ] = None,
    memory: MemoryIfAnyOption = None,
    labels: Annotated[
        Path | None,
        typer.Option(readable=False, help="The labels file of a model that has none inside.", show_default=False),
    ] = None,
    head: Annotated[
        str, typer.Option(help="How taught classes are told apart: auto, knn, centroid, ridge or knn-regression.")
    ] = "auto",
    false_accept: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Which share of strangers may be taken for a taught class.")
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone, one object a frame.")] = False,
    max_frames: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many frames.", show_default=False)
    ] = None,
) -> None:
    """Classify a stream of frames, until it ends or Ctrl-C."""
    from edge_cls import service
    from edge_cls.cli.native_stderr import quiet_native_libraries

    # Ctrl-C is how a stream ends, and no failure.
    with quiet_native_libraries(), contextlib.suppress(KeyboardInterrupt):
        service.run(
            source=source,
            model=model,
            memory=memory,
            labels=labels,
            as_json=as_json,
            max_frames=max_frames,
            head=head,
            false_accept=false_accept,
            opened=_introduce,
        )


def _introduce(classifier: Classifier) -> None:
    if classifier.memory is not None:
        warn_of_recovery(classifier.memory)
    if not classifier.model.labels and not classifier.taught():
        typer.echo("no class is known yet, every frame will be unknown; teach some with 'edge-cls teach'", err=True)
