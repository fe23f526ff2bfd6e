"""`edge-cls train`: train a classifier on a folder of photos, or on what a memory was taught."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_cls.cli.bank_text import bank_line
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import BackgroundOption
from edge_cls.cli.verbosity import note
from edge_cls.model.names import DEFAULT
from edge_cls_tools.cli.train_from_memory import train_from_memory

if TYPE_CHECKING:
    from edge_cls_tools.quantization.gate import Comparison
    from edge_cls_tools.training.train import Trained


def train(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            readable=False,
            help="Run directory to write, or the .tflite file of --from-memory.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            readable=False,
            help="Photos in one folder per class, or the same below train, val and test.",
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[
        str,
        typer.Option(metavar="NAME", help="Name from 'edge-cls models list', or a .tflite, .keras or .h5 file."),
    ] = DEFAULT,
    fine_tune: Annotated[
        Literal["none", "last", "all"],
        typer.Option(
            metavar="LAYERS",
            help="Layers of the backbone to fine-tune: none, those of the coarsest resolution, or all.",
        ),
    ] = "none",
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="Maximum number of epochs of fine-tuning.")] = 10,
    rate: Annotated[
        float, typer.Option(metavar="RATE", min=1e-7, max=1.0, help="Peak learning rate of fine-tuning.")
    ] = 5e-4,
    flip: Annotated[
        bool, typer.Option(help="Mirror photos at random in fine-tuning; unsuitable for text or arrows.")
    ] = True,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="Weight photos so that every class counts the same.")
    ] = False,
    max_drop: Annotated[
        float,
        typer.Option(
            metavar="POINTS",
            min=0,
            help="Maximum loss of accuracy, in percentage points, by the int8 head of a frozen backbone.",
        ),
    ] = 1.0,
    mixed_precision: Annotated[
        bool, typer.Option("--mixed-precision", help="Fine-tune in bfloat16: for accelerators; slower on a CPU.")
    ] = False,
    strategy: Annotated[
        Literal["none", "mirrored", "multiworker"],
        typer.Option(
            metavar="NAME",
            help="Devices of fine-tuning: none for one, mirrored for all accelerators of this machine, or multiworker "
            "for the machines listed in TF_CONFIG.",
        ),
    ] = "none",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of the split and the training.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the fine-tuning in the run directory after its last epoch.")
    ] = False,
    from_memory: Annotated[
        Path | None,
        typer.Option(
            "--from-memory",
            metavar="FILE",
            readable=False,
            help="Train on this file of taught examples, instead of on a FOLDER. Needs nothing but "
            "what the device has; the backbone is the one that it was taught on.",
            show_default=False,
        ),
    ] = None,
    background: BackgroundOption = None,
) -> None:
    """Train a classifier on photos or on taught examples.

    A head on a frozen backbone is finished at once: RUN/model.tflite. A network that was fine-tuned is converted by
    'edge-cls quantize'.

    Example:
      edge-cls train photos -o run
      edge-cls train photos -o run --fine-tune last --epochs 5
      edge-cls train --from-memory taught.db -o model.tflite
    """
    if from_memory is not None:
        train_from_memory(context, from_memory, out)
        return
    if data is None:
        raise typer.BadParameter("give a FOLDER of photos, or --from-memory")
    if strategy != "none" and fine_tune == "none":
        raise typer.BadParameter(f"--strategy {strategy} needs --fine-tune: a frozen backbone is trained on one device")
    with quiet_native_libraries():
        from edge_cls.model.background import background_photos
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset.loading import load_dataset
        from edge_cls_tools.training.recipe import Recipe
        from edge_cls_tools.training.train import train_classifier

        photos = background_photos(background) if background else None
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
                max_drop=max_drop,
                resume=resume,
                strategy=strategy,
                background=photos,
            )
    sizes = f"{len(dataset.train)} train, {len(dataset.validation)} validation, {len(dataset.test)} test"
    typer.echo(f"{len(dataset.labels)} classes, {sizes}, backbone {backbone}")
    if dataset.moved:
        note(f"{dataset.moved} photos were left out because a later split contains the same photos")
    _print_candidates(trained)
    training = trained.training
    accuracies = f"validation accuracy {training.validation_accuracy:.1%}, test accuracy {training.test_accuracy:.1%}"
    typer.echo(f"{accuracies} (head on the int8 backbone)")
    if trained.comparison is None or trained.file is None:
        bank = f" --background {background}" if background else ""
        typer.echo(f"next: edge-cls quantize {out} -o MODEL.tflite{bank}")
        return
    typer.echo(bank_line(trained.file, trained.made_bank))
    _print_finished(trained.comparison, out / "model.tflite")
    typer.echo(f"next: edge-cls evaluate {out / 'model.tflite'} {data}")


def _print_finished(comparison: Comparison, model: Path) -> None:
    typer.echo(
        f"{model}: {comparison.int8_bytes / 1e6:.2f} MB int8, finished; its head against the float head: "
        f"accuracy {comparison.int8_accuracy:.1%} and {comparison.float_accuracy:.1%}, "
        f"agreement {comparison.agreement:.1%} (on {comparison.images} test photos), "
        f"largest difference of a probability {comparison.probability_difference:.3f}"
    )


def _print_candidates(trained: Trained) -> None:
    """Print the validation scores of the candidates and the one that was chosen, if the backbone was fine-tuned."""
    if trained.fine_tuned is None:
        return
    for name, score in (("frozen", trained.frozen), ("fine-tuned", trained.fine_tuned)):
        typer.echo(f"{name}: validation accuracy {score.accuracy:.1%}, loss {score.loss:.3f}")
    epochs = trained.training.epochs
    if trained.training.fine_tuned:
        typer.echo(f"chosen: the fine-tuned backbone ({epochs} epochs)")
    else:
        typer.echo(
            f"chosen: the frozen backbone; {epochs} epochs of fine-tuning gave no significant gain on validation"
        )
