"""`edge-cls fewshot`: measure how well a backbone can be taught."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption

if TYPE_CHECKING:
    from edge_cls_tools.evaluation.fewshot import FewShot
    from edge_cls_tools.evaluation.open_set import OpenSetResult


def fewshot(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] FOLDER...",
            help="A .tflite model with an embedding, or a backbone as 'edge-cls train' takes it (default: lite0-160), "
            "then data sets: each a folder with a folder per class.",
            show_default=False,
        ),
    ],
    ways: Annotated[
        str, typer.Option(metavar="N,N,...", help="Numbers of classes to teach, separated by commas.")
    ] = "10",
    shots: Annotated[
        str, typer.Option(metavar="N,N,...", help="Examples of each class to teach, separated by commas.")
    ] = "1,5,20",
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="Number of trials.")] = 200,
    head: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME,...",
            help="The heads to measure, separated by commas: auto, ridge, centroid, knn, knn-euclidean, knn-manhattan; "
            "knn3, the majority of the 3 nearest, is the usual baseline.",
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the random trials.")] = 0,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown",
            help="Measure the rejection of unknown objects instead: at least one class of each folder is not taught.",
        ),
    ] = False,
    false_accept: Annotated[
        float,
        typer.Option(
            metavar="RATE",
            min=0.001,
            max=0.5,
            help="With --unknown: accepted rate of quite other things classified as a taught class.",
        ),
    ] = 0.05,
    far: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="With --unknown: photos of quite other things, beside those of the other folders; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a model can be taught with a few photos.

    Example:
      edge-cls fewshot photos --ways 5 --shots 1,5
      edge-cls fewshot builtin photos --ways 5 --shots 1,5
    """
    from dataclasses import asdict

    from edge_cls.model.names import DEFAULT

    model, *folders = words if not Path(words[0]).is_dir() else (DEFAULT, *words)
    if not folders:
        raise typer.BadParameter("give at least one FOLDER after the MODEL")
    if far and not unknown:
        raise typer.BadParameter("--far needs --unknown")
    data = list(map(Path, folders))

    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.evaluation.fewshot_job import (
            TrialPlan,
            parse_counts,
            parse_heads,
            run_few_shot,
            run_open_set,
        )
        from edge_cls_tools.evaluation.open_set_mean import means_over_sets

        plan = TrialPlan(
            parse_counts("--ways", ways, least=2, example="2,5,10"),
            parse_counts("--shots", shots, least=1, example="1,5"),
            trials,
            seed,
            parse_heads(head),
        )
        results: list[FewShot] = []
        rejections: list[OpenSetResult] = []
        with progress_display() as display:
            if unknown:
                rejections = run_open_set(model, data, plan, false_accept=false_accept, far=far or (), display=display)
            else:
                results = run_few_shot(model, data, plan, display=display)
    means = means_over_sets(rejections)
    if not as_json:
        _print_few_shot(results)
        if rejections:
            from edge_cls_tools.cli.open_set_text import open_set_lines

            typer.echo("\n".join(open_set_lines(rejections, means)))
    elif unknown:
        print_json({"results": [asdict(one) for one in rejections], "means": [asdict(one) for one in means]})
    else:
        print_json({"results": [asdict(one) for one in results]})


def _print_few_shot(results: list[FewShot]) -> None:
    from edge_cls_tools.evaluation.fewshot import margins

    for one in results:
        typer.echo(
            f"{one.set}: {one.ways}-way {one.shots}-shot, {one.head}: {one.accuracy:.1%} +- {one.ci95:.1%} "
            f"({one.trials} trials)"
        )
    for name, ways, shots, above_best, above_baseline in margins(results):
        differences = [
            f"{margin:+.1%} to {other}"
            for margin, other in ((above_best, "the best single head"), (above_baseline, "knn3"))
            if margin is not None
        ]
        if differences:
            typer.echo(f"{name}, {ways}-way {shots}-shot: auto {', '.join(differences)}")
