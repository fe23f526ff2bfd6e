"""`edge-cls quantize`: convert a trained network to an int8 model, or copy one that is finished."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.bank_text import bank_line
from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import BackgroundOption, JsonOption
from edge_cls.cli.verbosity import note

if TYPE_CHECKING:
    from edge_cls_tools.quantization.quantize import Quantization


def quantize(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", readable=False, help="Run directory written by 'train' or 'distill'.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", readable=False, help="The .tflite file to write.", show_default=False
        ),
    ],
    max_drop: Annotated[
        float,
        typer.Option(
            metavar="POINTS",
            min=0,
            help="Maximum loss of accuracy in percentage points; for a backbone, of 100 * cosine.",
        ),
    ] = 1.0,
    calibration: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of calibration images to use.", show_default="all")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the model even if the loss exceeds --max-drop.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="HTML report to write, with all classes and layers.",
            show_default=False,
        ),
    ] = None,
    background: BackgroundOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a trained model to int8 and compare the two.

    They are compared on held-out photos; a model that loses more accuracy than --max-drop is not written. A model that
    'train' finished is compared again, and copied.

    Example:
      edge-cls quantize run -o model.tflite
    """
    with quiet_native_libraries():
        from edge_cls.files import write_whole
        from edge_cls.model.background import background_photos
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.quantization.quantize import quantize as convert

        photos = background_photos(background) if background else None
        with progress_display() as display:
            task = display.add_task("quantising and comparing", total=None, note="")
            made = convert(
                run,
                out,
                calibration=calibration,
                background=photos,
                advance=lambda count: display.advance(task, count),
            )
    if as_json:
        if made.made_bank:
            note(f"bank: {made.made_bank}")
        print_json(_as_json(made))
    else:
        _show(made)
        typer.echo(bank_line(made.file, made.made_bank))
    if report:
        from edge_cls_tools.report.quantization import quantization_page

        write_whole(report, quantization_page(made, max_drop))
    made.save(max_drop=max_drop, force=force)


def _as_json(made: Quantization) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(made.comparison) | {
        "bank": len(made.file.bank) if made.file.bank else None,
        "remedies": [asdict(remedy) | {"kept": remedy.kept} for remedy in made.remedies],
        "layers": [asdict(layer) for layer in made.layers],
    }


def _show(made: Quantization) -> None:
    from edge_cls_tools.quantization.layer_noise import worst_layers

    comparison = made.comparison
    size = f"{made.file.path}: {comparison.int8_bytes / 1e6:.2f} MB int8"
    if comparison.reference == "float head":
        typer.echo(f"{size}; it was finished by train; compared: the float and the int8 head")
    else:
        typer.echo(f"{size} (float: {comparison.float_bytes / 1e6:.2f} MB)")
    if comparison.float_accuracy is not None:
        typer.echo(
            f"accuracy {comparison.float_accuracy:.1%} float, {comparison.int8_accuracy:.1%} int8, "
            f"agreement {comparison.agreement:.1%} (on {comparison.images} test photos)"
        )
    for label, row in comparison.classes.items():
        if row.float_accuracy != row.int8_accuracy:
            typer.echo(f"  {label}: {row.float_accuracy:.1%} float, {row.int8_accuracy:.1%} int8 ({row.photos} photos)")
    if comparison.probability_difference is not None:
        typer.echo(f"largest difference of a probability: {comparison.probability_difference:.3f}")
    if comparison.embedding_cosine is not None:
        typer.echo(f"mean cosine between float and int8 embeddings: {comparison.embedding_cosine:.4f}")
    for remedy in made.remedies:
        typer.echo(
            f"{remedy.name}: SQNR of the embedding {remedy.without:.1f} dB without, {remedy.with_it:.1f} dB with"
            f"{'' if remedy.kept else ' (not applied)'}"
        )
    if not made.layers:
        return
    worst = ", ".join(f"{layer.name} {layer.own_sqnr:.1f} dB" for layer in worst_layers(made.layers, count=3))
    typer.echo(f"noisiest layers (SQNR): {worst}")
