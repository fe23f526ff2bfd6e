"""`edge-cls fewshot`: which backbone is worth teaching on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption


def fewshot(
    model: Annotated[
        str,
        typer.Argument(help="A .tflite model with an embedding, or a backbone as train takes it.", show_default=False),
    ],
    data: Annotated[
        list[Path], typer.Argument(readable=False, help="Folders with a folder a class.", show_default=False)
    ],
    ways: Annotated[int, typer.Option(min=2, help="Classes in a trial.")] = 10,
    shots: Annotated[str, typer.Option(help="Examples of each class to teach, separated by commas.")] = "1,5,20",
    trials: Annotated[int, typer.Option(min=1, help="How many trials.")] = 200,
    head: Annotated[
        str,
        typer.Option(
            help="The heads to teach, separated by commas: auto, ridge, centroid, knn, knn-euclidean, knn-manhattan; "
            "knn3 is the usual one to compare with, the majority of 3."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Which trials are drawn.")] = 0,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Measure instead how well photos of other classes are told apart.")
    ] = False,
    false_accept: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="With --unknown: the share of those that may be let in.")
    ] = 0.05,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a model's embedding can be taught with a few photos of a class."""
    import json
    from dataclasses import asdict

    with quiet_native_libraries():
        from edge_cls.errors import ConfigError
        from edge_cls.learning.open_set import UNKNOWN_DISTANCE
        from edge_cls.model.file import read_model
        from edge_cls.model.model import Model
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.evaluation.fewshot import (
            NAMES,
            DeviceModel,
            Embedder,
            FewShot,
            embed_set,
            few_shot,
            margins,
        )
        from edge_cls_tools.evaluation.open_set import Unknown, measure_open_set

        heads = head.split(",")
        try:
            counts = [int(count) for count in shots.split(",")]
        except ValueError:
            counts = []
        if not counts or min(counts) < 1 or not set(heads) <= set(NAMES):
            raise ConfigError(
                f"--shots {shots} --head {head} makes no sense", hint=f"use --shots 1,5,20 and --head {','.join(NAMES)}"
            )
        results: list[FewShot] = []
        apart: list[Unknown] = []
        unknown_distance = UNKNOWN_DISTANCE
        with progress_display() as display:
            embedder: Embedder
            if model.endswith(".tflite"):
                file = read_model(Path(model))
                embedder = DeviceModel(Model(file))
                if file.manifest is not None and file.manifest.stranger_distance is not None:
                    unknown_distance = file.manifest.stranger_distance
            else:
                from edge_cls_tools.backbones.backbones import load_backbone

                embedder = load_backbone(model)
            task = display.add_task("embedding", total=None, note="")
            for folder in data:
                embedded = embed_set(embedder, folder, advance=lambda count: display.advance(task, count))
                for n in counts:
                    if unknown:
                        options = {"false_accept": false_accept, "unknown_distance": unknown_distance}
                        apart.append(
                            measure_open_set(embedded, ways=ways, shots=n, trials=trials, seed=seed, **options)
                        )
                    else:
                        results += few_shot(embedded, ways=ways, shots=n, heads=heads, trials=trials, seed=seed)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in apart or results], indent=2))
        return
    for each in apart:
        typer.echo(
            f"{each.set}: {each.ways} classes taught with {each.shots} photos each, {each.unknowns} not: "
            f"AUROC {each.auroc:.3f}, of the largest cosine {each.auroc_cosine:.3f}; {each.accepted:.1%} of the "
            f"strangers let in ({each.false_accept:.1%} asked), {each.rejected:.1%} of what was taught called unknown "
            f"({each.trials} trials)"
        )
    for one in results:
        typer.echo(
            f"{one.set}: {one.ways}-way {one.shots}-shot, {one.head}: {one.accuracy:.1%} +- {one.ci95:.1%} "
            f"({one.trials} trials)"
        )
    for name, n, above_best, above_baseline in margins(results):
        told = [
            f"{margin:+.1%} to {other}"
            for margin, other in ((above_best, "the best single head"), (above_baseline, "knn3"))
            if margin is not None
        ]
        if told:
            typer.echo(f"{name}, {n} shots: auto {', '.join(told)}")
