"""The whole of a distillation, from a pool of photos to a run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import Progress, TaskID

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ConfigError
from edge_cls_tools.distillation import training_state
from edge_cls_tools.distillation.held_out import Epoch
from edge_cls_tools.distillation.photo_pool import find_photos
from edge_cls_tools.distillation.recipe import Recipe
from edge_cls_tools.distillation.teacher import load_teacher
from edge_cls_tools.distillation.time_limit import fitting_epochs
from edge_cls_tools.distillation.train import BATCH_SIZE, distill
from edge_cls_tools.distillation.view_cache import cache_views
from edge_cls_tools.run_directory import CALIBRATION_IMAGES, CHECKPOINT, Run, save_run
from edge_cls_tools.training.checkpoint import refuse_without_resume

ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Width multipliers of MobileNetV2."""
HELD_OUT_VIEWS = 500
"""Maximum number of held-out views in the run directory; 'quantize' compares float and int8 embeddings on them."""


def distill_backbone(
    folders: Sequence[Path],
    teacher_spec: str,
    teacher_size: int | None,
    recipe: Recipe,
    out: Path,
    *,
    views: int,
    minutes: float | None,
    resume: bool,
    display: Progress,
    say: Callable[[str], None],
) -> Sequence[Epoch]:
    """Distill the teacher into a student on the photos below `folders`, and return the results of the epochs.

    `views` random views of each photo are cached. If `minutes` is not None, the recipe gets as many epochs as fit into
    this time, which does not include that for the cache. The run is written to `out`. `say` is called with a line for
    each epoch. Raises ConfigError if alpha or size do not fit MobileNetV2, if a checkpoint in `out` cannot be used, or
    if no epoch fits into the time; DatasetError if there are no photos, and ModelError if the teacher cannot be loaded.
    """
    if recipe.alpha not in ALPHAS or recipe.size % 32:
        raise ConfigError(
            f"there is no MobileNetV2 student of alpha {recipe.alpha} and size {recipe.size}",
            hint=f"choose alpha from {', '.join(map(str, ALPHAS))} and a size that is a multiple of 32",
        )
    photos = find_photos(folders)
    teacher = load_teacher(teacher_spec, teacher_size, display)
    rendering = display.add_task("teacher embeddings", total=len(photos) * views, note="")
    cache = cache_views(
        photos,
        teacher.network,
        out,
        views=views,
        size=recipe.size,
        seed=recipe.seed,
        progress=lambda done, _: display.update(rendering, completed=done),
    )
    if minutes is not None:
        refuse_without_resume(out / CHECKPOINT, resume=False)
        recipe = replace(recipe, epochs=fitting_epochs(cache, recipe, minutes * 60, batch_size=BATCH_SIZE))
        say(
            f"{recipe.epochs} epochs fit into {minutes:g} minutes; to continue after an interruption: "
            f"--resume --epochs {recipe.epochs}"
        )
    tasks: list[TaskID] = []
    epochs: list[Epoch] = []

    def report(progress: training_state.Progress) -> None:
        # Added at the first report: the speed would otherwise include the steps before a resumed checkpoint.
        if not tasks:
            tasks.append(display.add_task("student", total=progress.total, completed=progress.views, note=""))
        speed = next(task.speed for task in display.tasks if task.id == tasks[0])
        note = f"{speed or 0.0:.0f} views/s, loss {1 + progress.loss:.3f}"
        if epochs and epochs[-1].few_shot is not None:
            note += f", few-shot {epochs[-1].few_shot:.1%}"
        display.update(tasks[0], completed=progress.views, note=note)

    def end_epoch(epoch: Epoch) -> None:
        epochs.append(epoch)
        say(str(epoch))

    result = distill(cache, recipe, out, resume=resume, report=report, epoch_done=end_epoch)
    chosen = np.random.default_rng(recipe.seed).choice(
        len(result.training), min(CALIBRATION_IMAGES, len(result.training)), replace=False
    )
    name = f"edge-embed, distilled from {teacher.name}"
    save_run(
        out,
        Run(
            backbone=name, preprocessing=Preprocessing(recipe.size, recipe.size), seed=recipe.seed, epochs=recipe.epochs
        ),
        result.student,
        calibration=cache.views[np.sort(result.training[chosen])],
        held_out=cache.views[result.held_out[:HELD_OUT_VIEWS]],
    )
    return result.epochs
