"""Makes the table of the README: accuracy of float network and int8 model, by data set and backbone.

    python tools/accuracy_table.py FLOWERS TRASH --backbone builtin --backbone mobilenet_v2_1.0_224_imagenet.weights.h5

Each figure is the mean over `--seeds` splits, each with a training and a conversion of its own; the int8 figures are
those of the bytes that ship, run through the interpreter on the test photos of the split.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress

from edge_cls.cli.native_stderr import quiet_native_libraries


def main(
    data: Annotated[list[Path], typer.Argument(help="Folders with a folder a class.")],
    backbone: Annotated[list[str], typer.Option(help="Backbones, as 'edge-cls train' takes them.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many splits.")] = 5,
) -> None:
    """Print the table, in Markdown."""
    with quiet_native_libraries(), Progress(disable=True) as display, tempfile.TemporaryDirectory() as scratch:
        from edge_cls_tools.dataset import load_dataset
        from edge_cls_tools.quantization import quantize
        from edge_cls_tools.transfer import train_classifier

        typer.echo("| data set | backbone | test photos | float | int8 | difference | largest | agreement | size |")
        typer.echo("|---|---|---|---|---|---|---|---|---|")
        for folder in data:
            for spec in backbone:
                name = Path(spec).name.removesuffix(".weights.h5")
                rows = []
                for seed in range(seeds):
                    run, model = Path(scratch) / "run", Path(scratch) / "model.tflite"
                    train_classifier(load_dataset(folder, seed=seed), spec, run, seed=seed, display=display)
                    rows.append(quantize(run, model, advance=lambda _: None).comparison)
                exact = 100 * np.array([[row.float_accuracy, row.int8_accuracy, row.agreement] for row in rows])
                floats, ints, agreement = exact.mean(axis=0)
                largest = max(exact[:, 1] - exact[:, 0], key=abs)
                typer.echo(
                    f"| {folder.name} | {name} | {sum(row.images for row in rows)} | {floats:.1f} % | {ints:.1f} % "
                    f"| {ints - floats:+.1f} | {largest:+.1f} | {agreement:.1f} % | {rows[0].int8_bytes / 1e6:.2f} MB |"
                )


if __name__ == "__main__":
    typer.run(main)
