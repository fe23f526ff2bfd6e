"""The whole of a distillation, from a pool of photos to a run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from rich.progress import Progress, TaskID

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ConfigError
from edge_cls_tools.backbones.backbones import load_backbone_shown, resized
from edge_cls_tools.distillation import training_state
from edge_cls_tools.distillation.held_out import Epoch
from edge_cls_tools.distillation.photo_pool import find_photos
from edge_cls_tools.distillation.recipe import Recipe
from edge_cls_tools.distillation.train import distill
from edge_cls_tools.distillation.view_cache import cache_views
from edge_cls_tools.run_directory import CALIBRATION_IMAGES, Run, save_run

ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Width multipliers of MobileNetV2."""
HELD_OUT_VIEWS = 500
"""Maximum number of held-out views in the run directory; 'quantize' compares float and int8 embeddings on them."""


def distill_backbone(
    folders: Sequence[Path],
    teacher_spec: str,
    teacher_size: int,
    recipe: Recipe,
    out: Path,
    *,
    views: int,
    resume: bool,
    display: Progress,
    epoch_done: Callable[[Epoch], None],
) -> Sequence[Epoch]:
    """Distill the teacher into a student on the photos below `folders`, and return the results of the epochs.

    `views` random views of each photo are cached. The run is written to `out`. `epoch_done` is called after each epoch.
    Raises ConfigError if alpha or size do not fit MobileNetV2 or a checkpoint in `out` cannot be used, DatasetError if
    there are no photos, ModelError if the teacher cannot be loaded.
    """
    if recipe.alpha not in ALPHAS or recipe.size % 32:
        raise ConfigError(
            f"there is no MobileNetV2 student of alpha {recipe.alpha} and size {recipe.size}",
            hint=f"choose alpha from {', '.join(map(str, ALPHAS))} and a size that is a multiple of 32",
        )
    photos = find_photos(folders)
    teacher = load_backbone_shown(teacher_spec, display)
    rendering = display.add_task("teacher embeddings", total=len(photos) * views, note="")
    cache = cache_views(
        photos,
        _fastest(resized(teacher.model, teacher_size)),
        out,
        views=views,
        size=recipe.size,
        seed=recipe.seed,
        progress=lambda done, _: display.update(rendering, completed=done),
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
        epoch_done(epoch)

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


def _fastest(teacher: keras.Model) -> bytes | keras.Model:
    """Return the teacher as a LiteRT model if it runs on the CPU, which is several times as fast as Keras."""
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return teacher
    from edge_cls_tools.quantization.converter import to_float

    return to_float(teacher)
