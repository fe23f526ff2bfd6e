"""A few-shot measurement from the command's arguments to its results: the model, the folders, and the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from edge_cls.errors import ConfigError
from edge_cls_tools.backbones.int8_files import int8_file
from edge_cls_tools.evaluation.embedded_set import (
    DeviceModel,
    EmbeddedSet,
    Embedder,
    FloatModel,
    embed_set,
    embed_unlabeled,
)
from edge_cls_tools.evaluation.fewshot import BASELINE, NAMES, FewShot, few_shot
from edge_cls_tools.evaluation.open_set import (
    OTHER_FOLDERS,
    LearnerOptions,
    OpenSetResult,
    Photos,
    measure_open_set,
    taught_ways,
)
from edge_cls_tools.io.batches import Advance


@dataclass(frozen=True)
class TrialPlan:
    """The trials to draw: `trials` for each head, number of classes (`ways`) and `shots`, chosen by `seed`."""

    ways: tuple[int, ...]
    shots: tuple[int, ...]
    trials: int
    seed: int
    heads: tuple[str, ...] = ("auto",)


def parse_counts(option: str, text: str, *, least: int, example: str) -> tuple[int, ...]:
    """Return the numbers in the `text` of `option`, as in "1,5,20". Raises ConfigError if one is below `least`."""
    try:
        counts = tuple(int(count) for count in text.split(","))
    except ValueError:
        counts = (least - 1,)
    if min(counts) < least:
        raise ConfigError(
            f"{option} {text} is not a list of numbers of at least {least}",
            hint=f"use, for example, {option} {example}",
        )
    return counts


def parse_heads(text: str) -> tuple[str, ...]:
    """Return names of heads, as in "auto,knn3". Raises ConfigError if one is unknown."""
    heads = tuple(text.split(","))
    if unknown := [head for head in heads if head not in NAMES]:
        raise ConfigError(f"--head {text} has the unknown name {unknown[0]!r}", hint=f"use names of {', '.join(NAMES)}")
    return heads


def run_few_shot(model: str, folders: Sequence[Path], plan: TrialPlan, *, display: Progress) -> list[FewShot]:
    """Return the accuracy on each folder, by number of ways, number of shots, and head.

    `model` is a backbone as `int8_file` or `load_backbone` takes it. Raises ModelError if it cannot be used, and
    DatasetError if a folder cannot, or has too few photos.
    """
    embedder, _ = load_embedder(model)
    return [
        result
        for data in _embed(embedder, folders, display)
        for ways in plan.ways
        for shots in plan.shots
        for result in few_shot(data, ways=ways, shots=shots, heads=plan.heads, trials=plan.trials, seed=plan.seed)
    ]


def run_open_set(
    model: str,
    folders: Sequence[Path],
    plan: TrialPlan,
    *,
    false_accept: float,
    far: Sequence[Path] = (),
    display: Progress,
) -> list[OpenSetResult]:
    """Return the open-set rejection on each folder; order, arguments and errors as of `run_few_shot`.

    The far photos of a folder are those of the other folders, and those in and below each folder of `far`, which needs
    no class folders. `false_accept` is the accepted rate, in (0, 1), of far photos. Also raises ConfigError if a head
    is BASELINE, which rejects nothing, or if a folder of `far` is one of `folders`.
    """
    if BASELINE in plan.heads:
        raise ConfigError(f"--head {BASELINE} rejects no photos", hint=f"leave {BASELINE} out, or leave out --unknown")
    if twice := {path.resolve() for path in folders} & {path.resolve() for path in far}:
        raise ConfigError(
            f"--far {min(twice)} is one of the data sets",
            hint="leave it out: each data set is far for the others already",
        )
    embedder, options = load_embedder(model)
    sets = _embed(embedder, folders, display)
    extra = {str(folder): [embed_unlabeled(embedder, folder, advance=_advance(display))] for folder in far}
    options = replace(options, false_accept=false_accept)
    return [result for data in sets for result in measure_set(data, plan, options, far=far_photos(data, sets) | extra)]


def far_photos(data: EmbeddedSet, sets: Sequence[EmbeddedSet]) -> dict[str, list[Photos]]:
    """Return the photos of the other `sets`, as the far photos of `data`; empty if there are no others."""
    others: list[Photos] = [one.embeddings for one in sets if one is not data]
    return {OTHER_FOLDERS: others} if others else {}


def measure_set(
    data: EmbeddedSet, plan: TrialPlan, options: LearnerOptions, *, far: dict[str, list[Photos]]
) -> list[OpenSetResult]:
    """Return the open-set rejection on `data`, by number of ways, number of shots, and head.

    Requested ways that reduce to the same number of classes are measured once. Raises DatasetError as
    `measure_open_set` does.
    """
    measured: dict[tuple[int, int, str], OpenSetResult] = {}
    results = []
    for ways in plan.ways:
        for shots in plan.shots:
            for head in plan.heads:
                key = (taught_ways(data, ways, shots), shots, head)
                if key not in measured:
                    measured[key] = measure_open_set(
                        data,
                        ways=ways,
                        shots=shots,
                        trials=plan.trials,
                        options=replace(options, head=head),
                        far=far,
                        seed=plan.seed,
                    )
                results.append(replace(measured[key], requested_ways=ways))
    return results


def load_embedder(model: str) -> tuple[Embedder, LearnerOptions]:
    """Return the embedder, and the options of a learner that the device takes from the model file.

    `model` and errors as of `run_few_shot`.
    """
    if (file := int8_file(model)) is not None:
        distance = file.manifest.stranger_distance if file.manifest else None
        options = LearnerOptions(bank=file.bank, unknown_distance=distance)
        return DeviceModel(file), options
    # Keras takes seconds to load.
    from edge_cls_tools.backbones.backbones import load_backbone

    return FloatModel(load_backbone(model)), LearnerOptions()


def _embed(embedder: Embedder, folders: Sequence[Path], display: Progress) -> list[EmbeddedSet]:
    advance = _advance(display)
    return [embed_set(embedder, folder, advance=advance) for folder in folders]


def _advance(display: Progress) -> Advance:
    task = display.add_task("embedding", total=None, note="")
    return lambda count: display.advance(task, count)
