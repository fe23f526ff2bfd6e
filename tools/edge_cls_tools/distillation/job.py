"""A distillation from pool to run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from rich.progress import Progress, TaskID

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ConfigError
from edge_cls_tools.backbones.backbones import load_backbone_shown, resized
from edge_cls_tools.distillation.photo_pool import find_photos
from edge_cls_tools.distillation.train import Pass, Recipe, Status, distill
from edge_cls_tools.distillation.view_cache import cache_views
from edge_cls_tools.run_directory import CALIBRATION_IMAGES, Run, save_run

ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


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
    passed: Callable[[Pass], None],
) -> Sequence[Pass]:
    """Distill the teacher into a student on the photos below `folders`; return how the passes went.

    `passed` is called after each pass.
    The run is written to `out`. Raises DatasetError, ModelError and ConfigError.
    """
    if recipe.alpha not in ALPHAS or recipe.size % 32:
        raise ConfigError(
            f"a student of alpha {recipe.alpha} and size {recipe.size} is no MobileNetV2",
            hint=f"choose alpha from {', '.join(map(str, ALPHAS))} and a size that 32 divides",
        )
    photos = find_photos(folders)
    teacher = load_backbone_shown(teacher_spec, display)
    rendering = display.add_task("the teacher's views", total=len(photos) * views, note="")
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
    passes: list[Pass] = []

    def report(status: Status) -> None:
        # Added late: the speed would count what a resumed training had done before.
        if not tasks:
            tasks.append(display.add_task("student", total=status.total, completed=status.views, note=""))
        speed = next(task.speed for task in display.tasks if task.id == tasks[0])
        note = f"{speed or 0.0:.0f} views/s, loss {1 + status.loss:.3f}"
        if passes and passes[-1].few_shot is not None:
            note += f", few-shot {passes[-1].few_shot:.1%}"
        display.update(tasks[0], completed=status.views, note=note)

    def end_pass(done: Pass) -> None:
        passes.append(done)
        passed(done)

    result = distill(cache, recipe, out, resume=resume, report=report, passed=end_pass)
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
        held_out=cache.views[result.held_out[:500]],
    )
    return result.passes


def _fastest(teacher: keras.Model) -> bytes | keras.Model:
    """Return the teacher as LiteRT runs it, on a processor several times as fast as Keras; or as it is."""
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return teacher
    from edge_cls_tools.quantization.converter import to_float

    return to_float(teacher)
