"""Makes the tables of unknown objects in docs/measurements.md.

    python tools/benchmarks/open_set_table.py GROCERY CLOTHING10 ... --model builtin --model lite0-160 --photos PHOTOS

Far photos are those of the other data sets, and those of PHOTOS, a folder of varied photos whose one half is in the
bank of the backbones: of its photos in the order of their names only the odd ones (1, 3, 5, ..., counted from 0) are
shown. Each figure is the mean over the numbers of classes and the data sets. `overconfident` is the mean score of the
accepted answers minus their accuracy, then the same of the set where that is farthest from 0. Embeddings are cached in
the user's cache folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries

if TYPE_CHECKING:
    from edge_cls_tools.dataset.loading import Photo
    from edge_cls_tools.evaluation.embedded_set import EmbeddedSet
    from edge_cls_tools.evaluation.fewshot_job import TrialPlan
    from edge_cls_tools.evaluation.open_set import LearnerOptions, OpenSetResult, Photos

COLUMNS = (
    "right | wrong | unknown | nearest right | same kind | other sets | AUROC | photos | AUROC | ECE | overconfident"
)
HALF = "photos"
"""The kind of far photos that come from the folder of varied photos."""
RATE_SHOTS = 5
"""Examples of each class in the table of rates."""


def main(
    data: Annotated[list[Path], typer.Argument(help="Data sets: one folder per class.")],
    model: Annotated[list[str], typer.Option(help="Backbone, as for 'edge-cls fewshot'; may be repeated.")],
    photos: Annotated[Path, typer.Option(help="Folder of varied photos; the odd half is shown.")],
    ways: Annotated[str, typer.Option(help="Numbers of classes, separated by commas.")] = "2,3,5,10",
    shots: Annotated[str, typer.Option(help="Examples of each class, separated by commas.")] = "1,5,20",
    rates: Annotated[
        str, typer.Option(help="Requested rates of false accepts, separated by commas.")
    ] = "0.2,0.05,0.01",
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 15,
) -> None:
    """Print the tables in Markdown, in percent."""
    with quiet_native_libraries():
        from edge_cls_tools.evaluation.embedded_set import embed_set
        from edge_cls_tools.evaluation.fewshot_job import TrialPlan, load_embedder, parse_counts

        counts = parse_counts("--ways", ways, least=2, example="2,5,10")
        plans = [
            TrialPlan(counts, (count,), trials, seed=0)
            for count in parse_counts("--shots", shots, least=1, example="1,5")
        ]
        of_rates = TrialPlan(counts, (RATE_SHOTS,), trials, seed=0)
        for name in model:
            embedder, options = load_embedder(name)
            sets = [embed_set(embedder, folder, advance=lambda _: None) for folder in data]
            half = embedder.embed(odd_half(photos), lambda _: None)
            typer.echo(f"\n| {name}, shots | {COLUMNS} |\n|{'---|' * 12}")
            measured: dict[tuple[TrialPlan, LearnerOptions], list[OpenSetResult]] = {}
            for plan in plans:
                results = measured[plan, options] = _measure(sets, half, plan, options)
                typer.echo(f"| {plan.shots[0]} | {_row(results)} |")
            header = " | ".join(f"{count} classes: other sets, photos" for count in counts)
            typer.echo(f"\n| {name}, requested | {header} |\n|{'---|' * (1 + len(counts))}")
            for rate in map(float, rates.split(",")):
                requested = replace(options, false_accept=rate)
                results = measured.get((of_rates, requested)) or _measure(sets, half, of_rates, requested)
                typer.echo(f"| {100 * rate:g} | {' | '.join(_rate(results, count) for count in counts)} |")


def odd_half(folder: Path) -> Sequence[Photo]:
    """Return the photos of `folder` that are not in a bank: those with an odd number, by name, counted from 0.

    `tools/make_bank.py` takes the others.
    """
    from edge_cls_tools.dataset.loading import photos_below

    odd = set(sorted(path for path in folder.iterdir() if path.is_file())[1::2])
    return [photo for photo in photos_below(folder) if photo.path in odd]


def _measure(
    sets: Sequence[EmbeddedSet], half: Photos, plan: TrialPlan, options: LearnerOptions
) -> list[OpenSetResult]:
    from edge_cls_tools.evaluation.fewshot_job import far_photos, measure_set

    return [
        result
        for data in sets
        for result in measure_set(data, plan, options, far=far_photos(data, sets) | {HALF: [half]})
    ]


def _row(results: Sequence[OpenSetResult]) -> str:
    from edge_cls_tools.evaluation.open_set import OTHER_FOLDERS
    from edge_cls_tools.evaluation.open_set_mean import mean_of

    one = mean_of(results)
    others, half = one.far[OTHER_FOLDERS], one.far[HALF]
    shares = (one.right, one.wrong, one.unknown, one.nearest_right, one.same_kind)
    cells = [f"{100 * share:.1f}" for share in shares]
    for far in (others, half):
        cells += [f"{100 * far.let_in:.1f}", f"{far.auroc:.3f}"]
    gaps = [_overconfidence([row for row in results if row.set == name]) for name in {row.set for row in results}]
    gap = f"{_overconfidence(results):+.3f}, {max(gaps, key=abs):+.3f}"
    return " | ".join([*cells, f"{one.calibration_error:.3f}", gap])


def _overconfidence(results: Sequence[OpenSetResult]) -> float:
    from edge_cls_tools.evaluation.open_set_mean import mean_of

    one = mean_of(results)
    return (one.accepted_score or 0.0) - (one.accepted_accuracy or 0.0)


def _rate(results: Sequence[OpenSetResult], ways: int) -> str:
    from edge_cls_tools.evaluation.open_set import OTHER_FOLDERS
    from edge_cls_tools.evaluation.open_set_mean import mean_of

    far = mean_of([one for one in results if one.requested_ways == ways]).far
    return ", ".join(f"{100 * far[kind].let_in:.1f}" for kind in (OTHER_FOLDERS, HALF))


if __name__ == "__main__":
    typer.run(main)
