"""A few-shot measurement from the command's arguments to its results: the model, the folders, and the trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from edge_cls.errors import ConfigError
from edge_cls.learning.open_set import UNKNOWN_DISTANCE
from edge_cls.model.model import Model
from edge_cls_tools.backbones.int8_files import int8_file
from edge_cls_tools.evaluation.fewshot import NAMES, DeviceModel, EmbeddedSet, Embedder, FewShot, embed_set, few_shot
from edge_cls_tools.evaluation.open_set import OpenSetResult, measure_open_set


@dataclass(frozen=True)
class TrialPlan:
    """The trials to draw: `trials` for each number of `shots`, each with `ways` classes, chosen by `seed`."""

    ways: int
    shots: tuple[int, ...]
    trials: int
    seed: int


def parse_shots(text: str) -> tuple[int, ...]:
    """Return numbers of examples per class, as in "1,5,20". Raises ConfigError if one is not a positive integer."""
    try:
        shots = tuple(int(count) for count in text.split(","))
    except ValueError:
        shots = (0,)
    if min(shots) < 1:
        raise ConfigError(f"--shots {text} is not a list of positive numbers", hint="use, for example, --shots 1,5,20")
    return shots


def parse_heads(text: str) -> tuple[str, ...]:
    """Return names of heads, as in "auto,knn3". Raises ConfigError if one is unknown."""
    heads = tuple(text.split(","))
    if unknown := [head for head in heads if head not in NAMES]:
        raise ConfigError(f"--head {text} has the unknown name {unknown[0]!r}", hint=f"use names of {', '.join(NAMES)}")
    return heads


def run_few_shot(
    model: str, folders: Sequence[Path], plan: TrialPlan, *, heads: Sequence[str], display: Progress
) -> list[FewShot]:
    """Return the accuracy of `heads` on each folder, by number of shots.

    `model` is a backbone as `int8_file` or `load_backbone` takes it. Raises ModelError if it
    cannot be used, and DatasetError if a folder cannot, or has too few photos.
    """
    embedder, _ = _load(model)
    return [
        result
        for data, shots in _sets(embedder, folders, plan, display)
        for result in few_shot(data, ways=plan.ways, shots=shots, heads=heads, trials=plan.trials, seed=plan.seed)
    ]


def run_open_set(
    model: str, folders: Sequence[Path], plan: TrialPlan, *, false_accept: float, display: Progress
) -> list[OpenSetResult]:
    """Return the open-set rejection on each folder, by number of shots; arguments and errors as of `run_few_shot`.

    `false_accept` is the accepted rate, in (0, 1), of unknown objects classified as a taught class.
    """
    embedder, unknown_distance = _load(model)
    return [
        measure_open_set(
            data,
            ways=plan.ways,
            shots=shots,
            trials=plan.trials,
            false_accept=false_accept,
            unknown_distance=unknown_distance,
            seed=plan.seed,
        )
        for data, shots in _sets(embedder, folders, plan, display)
    ]


def _load(model: str) -> tuple[Embedder, float]:
    """Return the embedder, and the cosine distance between unrelated photos in its embedding space."""
    if (file := int8_file(model)) is not None:
        distance = file.manifest.stranger_distance if file.manifest else None
        return DeviceModel(Model(file)), UNKNOWN_DISTANCE if distance is None else distance
    # Keras takes seconds to load.
    from edge_cls_tools.backbones.backbones import load_backbone

    return load_backbone(model), UNKNOWN_DISTANCE


def _sets(
    embedder: Embedder, folders: Sequence[Path], plan: TrialPlan, display: Progress
) -> Iterator[tuple[EmbeddedSet, int]]:
    """Yield each embedded folder with each number of shots."""
    task = display.add_task("embedding", total=None, note="")
    for folder in folders:
        embedded = embed_set(embedder, folder, advance=lambda count: display.advance(task, count))
        for shots in plan.shots:
            yield embedded, shots
