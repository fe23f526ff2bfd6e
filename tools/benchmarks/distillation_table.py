"""Makes the ablation table of models/README.md: each row is the distillation with one thing changed.

    python tools/benchmarks/distillation_table.py RUN DATA...

RUN is the folder of a distillation. The first cached view of each photo is used. Every row is a short training from the
same random weights, with one change to the modules in `edge_cls_tools/distillation`. The changes are patched in here,
so that rejected variants leave no option behind in the package.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import numpy as np
import typer
from numpy.typing import NDArray

from edge_cls.cli.native_stderr import quiet_native_libraries

SIZE = 64
"""Input size of the student, in pixels."""


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a distillation, for its cached views.")],
    data: Annotated[list[Path], typer.Argument(help="Data sets: one folder per class.")],
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 2,
    only: Annotated[list[str] | None, typer.Option(help="Rows to make; may be repeated.", show_default="all")] = None,
) -> None:
    """Print the table in Markdown."""
    with quiet_native_libraries():
        import keras

        from edge_cls_tools.backbones.backbones import Backbone
        from edge_cls_tools.distillation.train import distill
        from edge_cls_tools.evaluation.embedded_set import FloatModel, embed_set
        from edge_cls_tools.evaluation.fewshot import few_shot

        cache = _first_views(run)
        changes = _changes(epochs)
        typer.echo("| changed | views | held-out cosine | held-out few-shot | few-shot on data |")
        typer.echo("|---|---|---|---|---|")
        for name in only or changes:
            recipe, patches = changes[name]
            with contextlib.ExitStack() as stack:
                for target, value in patches.items():
                    stack.enter_context(patch(f"edge_cls_tools.distillation.{target}", value))
                views: list[int] = []
                done = distill(
                    cache,
                    recipe,
                    Path(stack.enter_context(tempfile.TemporaryDirectory())),
                    resume=False,
                    report=lambda progress, views=views: views.append(progress.views),  # type: ignore[misc]
                    epoch_done=lambda _: None,
                )
            backbone = Backbone(name, keras.Model(done.student.input, done.student.output["embedding"]))
            sets = [embed_set(FloatModel(backbone), folder, advance=lambda _: None) for folder in data]
            accuracies = [few_shot(one, ways=10, shots=5, heads=["knn"], trials=100)[0].accuracy for one in sets]
            last = done.epochs[-1]
            held_out = "-" if last.few_shot is None else f"{last.few_shot:.1%}"
            typer.echo(f"| {name} | {views[-1]:,} | {last.cosine:.3f} | {held_out} | {np.mean(accuracies):.1%} |")


def _first_views(run: Path) -> Any:
    from edge_cls_tools.distillation.view_cache import ViewCache

    views, embeddings = (np.load(run / name, mmap_mode="r") for name in ("views.npy", "teacher.npy"))
    photos = len(views) // json.loads((run / "views.json").read_text())["views"]
    return ViewCache(views[:photos], embeddings[:photos], photos, "")


def _changes(epochs: int) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return for each row its recipe and the names of `edge_cls_tools.distillation` to patch."""
    import keras

    from edge_cls_tools.backbones.backbones import mobilenet_v2
    from edge_cls_tools.distillation.recipe import Recipe

    usual = Recipe(0.35, SIZE, epochs, seed=0)
    one_size = {"recipe.PHASES": ((1.0, 1.0),)}

    def adamw(rate: Any, **decay: float) -> keras.Optimizer:
        return keras.optimizers.AdamW(rate, weight_decay=decay["weight_decay"])

    def narrow(alpha: float, size: int | None) -> keras.Model:
        return keras.models.clone_model(mobilenet_v2(alpha, size), clone_function=_of_640)

    return {
        "nothing": (usual, one_size),
        "AdamW, peak rate 0.003": (usual, one_size | {"network.PointwiseMuon": adamw, "network.PEAK_RATE": 3e-3}),
        "alpha 0.5": (Recipe(0.5, SIZE, epochs, seed=0), one_size),
        "96 pixels": (Recipe(0.35, 96, epochs, seed=0), one_size),
        "growing resolution": (usual, {}),
        "twice the epochs": (Recipe(0.35, SIZE, 2 * epochs, seed=0), one_size),
        "embedding of 640": (usual, one_size | {"network.mobilenet_v2": narrow}),
        "64 components": (usual, one_size | {"targets.COMPONENTS": 64}),
        "all 1280 components": (usual, one_size | {"targets.COMPONENTS": 1280}),
        "no square root": (usual, one_size | {"targets.signed_sqrt": _unchanged}),
        "cosine and relational loss": (usual, one_size | {"network.LOSS": _relational}),
    }


def _unchanged(embeddings: NDArray[np.float16]) -> NDArray[np.float32]:
    return embeddings.astype(np.float32)


def _of_640(layer: Any) -> Any:
    config = layer.get_config()
    return type(layer).from_config(config | {"filters": 640} if layer.name == "Conv_1" else config)


def _relational(targets: Any, predicted: Any) -> Any:
    """Minus the cosine, plus 0.3 x the KL divergence of the similarities to the other targets (temperature 0.1)."""
    from keras import ops

    predicted = ops.normalize(predicted, axis=-1)
    others = 1e4 * ops.eye(ops.shape(targets)[0])
    expected = ops.matmul(targets, ops.transpose(targets)) / 0.1 - others
    given = ops.matmul(predicted, ops.transpose(targets)) / 0.1 - others
    divergence = ops.sum(ops.softmax(expected) * (ops.log_softmax(expected) - ops.log_softmax(given)), axis=-1)
    return 0.3 * divergence - ops.sum(predicted * targets, axis=-1)


if __name__ == "__main__":
    typer.run(main)
