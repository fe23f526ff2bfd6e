"""`edge-cls train`: from a folder of photos to a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries

if TYPE_CHECKING:
    from edge_cls_tools.training.train import Trained


def train(
    data: Annotated[
        Path,
        typer.Argument(readable=False, help="A folder a class, or train, val and test folders.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", readable=False, help="The folder RUN to write.", show_default=False)
    ],
    backbone: Annotated[
        str, typer.Option(help="A name of 'edge-cls models list', or a .keras or .weights.h5 file.")
    ] = "builtin",
    fine_tune: Annotated[
        Literal["none", "last", "all"],
        typer.Option(help="What of the backbone learns further: nothing, the layers at its coarsest resolution, all."),
    ] = "none",
    epochs: Annotated[int, typer.Option(min=1, help="Passes of a fine-tuning over the photos at most.")] = 10,
    rate: Annotated[float, typer.Option(min=1e-7, max=1.0, help="The highest learning rate of a fine-tuning.")] = 5e-4,
    flip: Annotated[
        bool, typer.Option(help="Whether a fine-tuning sees photos mirrored, too; not for text or arrows.")
    ] = True,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="Let all classes count the same, however many photos they have.")
    ] = False,
    mixed_precision: Annotated[
        bool, typer.Option("--mixed-precision", help="Fine-tune in bfloat16: for accelerators; a CPU is slower.")
    ] = False,
    strategy: Annotated[
        Literal["none", "mirrored", "multiworker"],
        typer.Option(help="Fine-tune on all accelerators of this machine, or on the machines of TF_CONFIG."),
    ] = "none",
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of the training.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the fine-tuning in the folder, from its last pass.")
    ] = False,
) -> None:
    """Train a classifier on a folder of photos, on top of a backbone that is frozen or fine-tuned."""
    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset.loading import load_dataset
        from edge_cls_tools.training.distribution import Distribution
        from edge_cls_tools.training.fine_tuning import Recipe
        from edge_cls_tools.training.train import train_classifier

        distribution = Distribution.named(strategy)
        dataset = load_dataset(data, seed=seed)
        recipe = None
        if fine_tune != "none":
            recipe = Recipe(fine_tune, epochs, rate, flip, mixed_precision, seed)
        with progress_display() as display:
            trained = train_classifier(
                dataset,
                backbone,
                out,
                seed=seed,
                display=display,
                recipe=recipe,
                balanced=class_weights,
                resume=resume,
                distribution=distribution,
            )
    sizes = f"{len(dataset.train)} train, {len(dataset.validation)} validation, {len(dataset.test)} test"
    typer.echo(f"{len(dataset.labels)} classes, {sizes}, backbone {backbone}")
    if dataset.moved:
        typer.echo(f"{dataset.moved} photos were left out, because a later split has the same ones", err=True)
    _print_choice(trained)
    training = trained.training
    accuracies = f"validation accuracy {training.validation_accuracy:.1%}, test accuracy {training.test_accuracy:.1%}"
    typer.echo(f"{accuracies} (head on the int8 backbone)")
    typer.echo(f"next: edge-cls quantize {out} -o MODEL.tflite")


def _print_choice(trained: Trained) -> None:
    """Say which of the two the validation photos picked, where there were two."""
    if trained.fine_tuned is None:
        return
    for name, score in (("frozen", trained.frozen), ("fine-tuned", trained.fine_tuned)):
        typer.echo(f"{name}: validation accuracy {score.accuracy:.1%}, loss {score.loss:.3f}")
    passes = f"{trained.training.epochs} passes"
    if trained.training.fine_tuned:
        typer.echo(f"picked: the fine-tuned backbone, after {passes}")
    else:
        typer.echo(f"picked: the frozen backbone, since {passes} of fine-tuning gave no clear gain on validation")
