"""The part of a training that needs Keras: converting a Keras backbone, and fine-tuning it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from rich.progress import TaskID

from edge_cls.model.file import ModelFile
from edge_cls_tools.backbones.backbones import Backbone, load_backbone_shown
from edge_cls_tools.io.batches import Pixels, batches, stored
from edge_cls_tools.linear_head import Head
from edge_cls_tools.quantization.backbone import converted_backbone
from edge_cls_tools.run_directory import CHECKPOINT
from edge_cls_tools.training.calibration_sample import calibration_sample
from edge_cls_tools.training.candidates import Candidates, paths_of
from edge_cls_tools.training.checkpoint import Checkpoint
from edge_cls_tools.training.distribution import Distribution
from edge_cls_tools.training.fine_tuning import FineTuned, Photos, fine_tune
from edge_cls_tools.training.recipe import Recipe
from edge_cls_tools.training.training_state import Epoch


class KerasJob:
    """A Keras backbone and the photos that its int8 version is calibrated with, uint8 (n, height, width, 3).

    Raises the errors of `load_backbone`, and DatasetError if photos cannot be read.
    """

    def __init__(self, spec: str, candidates: Candidates) -> None:
        self._candidates = candidates
        self.backbone = load_backbone_shown(spec, candidates.display)
        dataset = candidates.dataset
        chosen = calibration_sample(dataset.train, len(dataset.labels))
        self.calibration: Pixels = np.concatenate(
            list(batches(paths_of(chosen), self.backbone.contract, lambda _: None))
        )

    def converted(self, backbone: Backbone) -> ModelFile:
        """Return `backbone` in int8. Raises ConversionError if it cannot be converted."""
        task = self._candidates.display.add_task("int8 backbone", total=None, note="")
        file = converted_backbone(backbone, self.calibration)
        self._candidates.display.update(task, total=1, completed=1)
        return file

    def fine_tune(
        self, head: Head, recipe: Recipe, out: Path, *, resume: bool, distribution: Distribution
    ) -> FineTuned:
        """Return the backbone and `head` after fine-tuning on the training photos."""
        dataset, display, weights = self._candidates.dataset, self._candidates.display, self._candidates.weights
        task = display.add_task("preprocessing", total=len(dataset.train), note="")
        contract = recipe.contract(self.backbone)
        out.mkdir(parents=True, exist_ok=True)
        pixels = stored(paths_of(dataset.train), contract, out, lambda count: display.advance(task, count))
        validation = np.concatenate(list(batches(paths_of(dataset.validation), self.backbone.contract, lambda _: None)))
        origin = dataclasses.asdict(recipe) | {
            "backbone": self.backbone.fingerprint(),
            "photos": self._candidates.data_sha256,
            "class weights": weights.tolist(),
            "replicas": distribution.replicas,
        }
        tasks: list[TaskID] = []
        notes = [""]

        def report(done: int, total: int) -> None:
            # Added at the first report: the speed would otherwise include the steps before a resumed checkpoint.
            if not tasks:
                tasks.append(display.add_task("fine-tuning", total=total, completed=done, note=""))
            display.update(tasks[0], completed=done, note=notes[-1])

        def epoch_done(epoch: Epoch) -> None:
            notes.append(f"epoch {epoch.number}: validation accuracy {epoch.accuracy:.1%}")

        return fine_tune(
            self.backbone,
            head,
            Photos(pixels, self._candidates.truth["train"], weights),
            Photos(validation, self._candidates.truth["validation"], weights),
            recipe,
            Checkpoint(out / CHECKPOINT, origin),
            resume=resume,
            distribution=distribution,
            logs=out / "logs",
            report=report,
            epoch_done=epoch_done,
        )
