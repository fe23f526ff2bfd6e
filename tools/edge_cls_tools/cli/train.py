"""`edge-cls train`: from a folder of photos to a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def train(
    data: Annotated[
        Path,
        typer.Argument(readable=False, help="A folder a class, or train, val and test folders.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder RUN to write.", show_default=False)],
    backbone: Annotated[
        str, typer.Option(help="A name of 'edge-cls models list', or a .keras or .weights.h5 file.")
    ] = "builtin",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the embeddings at most.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of the training.")] = 0,
) -> None:
    """Train a classifier on a folder of photos, on top of a frozen backbone."""
    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset import load_dataset
        from edge_cls_tools.transfer import train_classifier

        dataset = load_dataset(data, seed=seed)
        with progress_display() as display:
            training = train_classifier(dataset, backbone, out, epochs=epochs, seed=seed, display=display)
    sizes = f"{len(dataset.train)} train, {len(dataset.validation)} validation, {len(dataset.test)} test"
    typer.echo(f"{len(dataset.labels)} classes, {sizes}, backbone {backbone}")
    if dataset.moved:
        typer.echo(f"{dataset.moved} photos were left out, because a later split has the same ones", err=True)
    accuracies = f"validation accuracy {training.validation_accuracy:.1%}, test accuracy {training.test_accuracy:.1%}"
    typer.echo(f"{accuracies} (head on the int8 backbone)")
    typer.echo(f"next: edge-cls quantize {out} -o MODEL.tflite")
