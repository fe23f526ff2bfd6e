"""`edge-cls distill`: a small backbone of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def distill(
    images: Annotated[
        list[Path],
        typer.Option(readable=False, help="A folder of photos, or of tar archives of them.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", readable=False, help="The folder RUN to write.", show_default=False)
    ],
    teacher: Annotated[
        str, typer.Option(help="The backbone to learn from: a name, a .keras or a .weights.h5 file.")
    ] = "mobilenet_v2_1.0_224",
    teacher_size: Annotated[int, typer.Option(min=96, help="The side, in pixels, of what the teacher sees.")] = 160,
    alpha: Annotated[float, typer.Option(help="The width of the student: 0.35, 0.5, 0.75, 1.0, 1.3 or 1.4.")] = 0.35,
    size: Annotated[int, typer.Option(min=32, help="The side, in pixels, of what the student sees.")] = 128,
    views: Annotated[int, typer.Option(min=1, help="Random views of each photo.")] = 8,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over all views.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the views and of the training.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in the folder, from its last checkpoint.")
    ] = False,
) -> None:
    """Teach a small backbone, from random weights, to see photos as a large one does. Needs no labels."""
    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.distillation.job import distill_backbone
        from edge_cls_tools.distillation.train import Recipe

        with progress_display() as display:
            passes = distill_backbone(
                images,
                teacher,
                teacher_size,
                Recipe(alpha, size, epochs, seed),
                out,
                views=views,
                resume=resume,
                display=display,
                passed=typer.echo,
            )
    typer.echo(f"{out}: mean cosine to the teacher {passes[-1].cosine:.3f} on held-out photos")
    typer.echo(f"next: edge-cls quantize {out} -o MODEL.tflite")
