"""Makes the README's table of accuracies by data set and backbone, for each step from photos to an int8 model.

    python tools/benchmarks/accuracy_table.py FLOWERS GROCERY --backbone builtin --backbone NAME.weights.h5

*Regression* is scikit-learn's logistic regression on the frozen embeddings; *frozen* and *fine-tuned* are the results
of 'edge-cls train' without and with --fine-tune. Regularisation, early stopping and the choice between the two use the
validation photos; all figures are measured on the test photos. If a data set has a test folder, its photos are used;
otherwise each figure is the mean over `--seeds` random splits. The int8 figures are those of the file that ships.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import typer
from rich.progress import Progress

from edge_cls.cli.native_stderr import quiet_native_libraries

if TYPE_CHECKING:
    from edge_cls_tools.dataset.loading import Dataset
    from edge_cls_tools.training.recipe import Recipe

COLUMNS = ("data set", "backbone", "test photos", "regression", "frozen", "int8", "fine-tuned", "int8", "agreement")


@dataclass(frozen=True)
class Row:
    """Accuracies on one split, in [0, 1]; a pair is (float, int8).

    `agreement` is the share of photos with the same predicted class in the fine-tuned float and int8 networks, `picked`
    whether the fine-tuned backbone was chosen on the validation photos.
    """

    photos: int
    regression: float
    frozen: tuple[float, float]
    fine_tuned: tuple[float, float]
    agreement: float
    picked: bool


def main(
    data: Annotated[list[Path], typer.Argument(help="Data sets: one folder per class, or one per split.")],
    backbone: Annotated[list[str], typer.Option(help="Backbone, as for 'edge-cls train'; may be repeated.")],
    seeds: Annotated[int, typer.Option(min=1, help="Number of random splits, if a data set has no test folder.")] = 3,
    fine_tune: Annotated[Literal["last", "all"], typer.Option(help="Layers to fine-tune.")] = "all",
    epochs: Annotated[int, typer.Option(min=1, help="Maximum number of epochs of fine-tuning.")] = 10,
) -> None:
    """Print the table in Markdown."""
    with quiet_native_libraries():
        from edge_cls_tools.dataset.loading import load_dataset, split_folders
        from edge_cls_tools.training.recipe import Recipe

        typer.echo(f"| {' | '.join(COLUMNS)} | picked |\n|{'---|' * (len(COLUMNS) + 1)}")
        for spec in backbone:
            for folder in data:
                splits = 1 if "test" in split_folders(folder) else seeds
                recipes = [Recipe(fine_tune, epochs, 5e-4, seed=seed) for seed in range(splits)]
                rows = [_row(load_dataset(folder, seed=recipe.seed), spec, recipe) for recipe in recipes]
                _print(folder.name, Path(spec).name.removesuffix(".weights.h5"), rows)


def _row(dataset: Dataset, spec: str, recipe: Recipe) -> Row:
    from edge_cls_tools.quantization.quantize import quantize
    from edge_cls_tools.training.train import train_classifier

    with Progress(disable=True) as display, tempfile.TemporaryDirectory() as scratch:
        run, model = Path(scratch) / "run", Path(scratch) / "model.tflite"
        train_classifier(dataset, spec, run, seed=recipe.seed, display=display)
        frozen = quantize(run, model, advance=lambda _: None).comparison
        trained = train_classifier(dataset, spec, run, seed=recipe.seed, display=display, recipe=recipe)
        tuned = quantize(run, model, advance=lambda _: None).comparison
    return Row(
        photos=tuned.images,
        regression=_regression(dataset, spec),
        frozen=(frozen.float_accuracy or 0.0, frozen.int8_accuracy or 0.0),
        fine_tuned=(tuned.float_accuracy or 0.0, tuned.int8_accuracy or 0.0),
        agreement=tuned.agreement or 0.0,
        picked=trained.training.fine_tuned is not None,
    )


def _regression(dataset: Dataset, spec: str) -> float:
    """Return the test accuracy of scikit-learn's logistic regression; C is chosen by the validation accuracy."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from edge_cls_tools.backbones.backbones import load_backbone
    from edge_cls_tools.io.batches import batches

    backbone = load_backbone(spec)
    embeddings, labels = [], []
    for split in (dataset.train, dataset.validation, dataset.test):
        paths = [photo.path for photo in split]
        pixels = batches(paths, backbone.contract, lambda _: None)
        embeddings.append(np.concatenate([backbone.embed(batch) for batch in pixels]))
        labels.append([photo.label for photo in split])
    tried = []
    for strength in 10.0 ** np.arange(-4, 2):
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        regression.fit(embeddings[0], labels[0])
        tried.append([regression.score(embeddings[i], labels[i]) for i in (1, 2)])
    return float(max(tried, key=lambda scores: scores[0])[1])


def _print(data: str, backbone: str, rows: list[Row]) -> None:
    means = np.mean([[row.regression, *row.frozen, *row.fine_tuned, row.agreement] for row in rows], axis=0)
    figures = " | ".join(f"{100 * mean:.1f} %" for mean in means)
    photos, picked = sum(row.photos for row in rows), sum(row.picked for row in rows)
    typer.echo(f"| {data} | {backbone} | {photos} | {figures} | {picked} of {len(rows)} |")


if __name__ == "__main__":
    typer.run(main)
