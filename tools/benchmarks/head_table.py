"""Makes the table of trainings on a frozen backbone: accuracy, and how close the int8 head is to the float one.

    python tools/benchmarks/head_table.py FLOWERS TRASH --backbone lite0-160 --backbone builtin

Each figure is the mean over `--seeds` random splits, on their test photos; the difference of a probability is the
largest one of all splits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress

from edge_cls.cli.native_stderr import quiet_native_libraries

COLUMNS = ("data set", "backbone", "float head", "int8", "agreement", "worst split", "largest difference")


def main(
    data: Annotated[list[Path], typer.Argument(help="Data sets: one folder per class.")],
    backbone: Annotated[list[str], typer.Option(help="Backbone, as for 'edge-cls train'; may be repeated.")],
    seeds: Annotated[int, typer.Option(min=1, help="Number of random splits.")] = 4,
) -> None:
    """Print the table in Markdown."""
    typer.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with quiet_native_libraries():
        from edge_cls_tools.dataset.loading import load_dataset
        from edge_cls_tools.training.train import train_classifier

        for spec in backbone:
            for folder in data:
                rows = []
                for seed in range(seeds):
                    with Progress(disable=True) as display, tempfile.TemporaryDirectory() as run:
                        dataset = load_dataset(folder, seed=seed)
                        # No gate: the table also shows the splits that it would refuse.
                        trained = train_classifier(dataset, spec, Path(run), seed=seed, display=display, max_drop=100)
                    one = trained.comparison
                    if one is not None:
                        rows.append((one.float_accuracy, one.int8_accuracy, one.agreement, one.probability_difference))
                table = np.array(rows, np.float64)
                means = [f"{100 * mean:.1f} %" for mean in table[:, :3].mean(axis=0)]
                worst = f"{100 * table[:, 2].min():.1f} % | {table[:, 3].max():.3f}"
                typer.echo(f"| {folder.name} | {Path(spec).name} | {' | '.join(means)} | {worst} |")


if __name__ == "__main__":
    typer.run(main)
