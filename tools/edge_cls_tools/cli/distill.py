"""`edge-cls distill`: train a small backbone on unlabelled photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def distill(
    images: Annotated[
        list[Path],
        typer.Option(
            metavar="FOLDER",
            readable=False,
            help="Folder of photos, or of tar archives of photos; may be repeated.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", readable=False, help="Run directory to write.", show_default=False
        ),
    ],
    teacher: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Teacher backbone: a name from 'edge-cls models list', a .keras or a .weights.h5 file."
        ),
    ] = "mobilenet_v2_1.0_224",
    teacher_size: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=96,
            help="Input size of the teacher, in pixels.",
            show_default="that of lite0-N, 160 for another",
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option(metavar="WIDTH", help="Width multiplier of the student: 0.35, 0.5, 0.75, 1.0, 1.3 or 1.4.")
    ] = 0.35,
    size: Annotated[
        int, typer.Option(metavar="PIXELS", min=32, help="Input size of the student, in pixels; a multiple of 32.")
    ] = 128,
    views: Annotated[int, typer.Option(metavar="N", min=1, help="Random views (augmentations) of each photo.")] = 8,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Epochs over all views.", show_default="10")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            min=0.1,
            help="Instead of --epochs: as many epochs as fit into this time, after the teacher's embeddings.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of the views and the training.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the training in the run directory from its last checkpoint.")
    ] = False,
) -> None:
    """Distill a large backbone into a small one, without labels.

    Example:
      edge-cls distill --images photos -o student --alpha 0.35 --size 128
    """
    with quiet_native_libraries():
        from edge_cls.errors import ConfigError

        if minutes is not None and (epochs is not None or resume):
            raise ConfigError(
                "--minutes chooses the number of epochs, and cannot be used with --epochs or --resume",
                hint="resume with the --epochs that the training printed",
            )
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.distillation.job import distill_backbone
        from edge_cls_tools.distillation.recipe import Recipe

        with progress_display() as display:
            results = distill_backbone(
                images,
                teacher,
                teacher_size,
                Recipe(alpha, size, epochs or 10, seed),
                out,
                views=views,
                minutes=minutes,
                resume=resume,
                display=display,
                say=typer.echo,
            )
    typer.echo(f"{out}: mean cosine to the teacher {results[-1].cosine:.3f} on held-out photos")
    typer.echo(f"next: edge-cls quantize {out} -o MODEL.tflite")
