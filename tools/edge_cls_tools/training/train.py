"""The whole training of a classifier, from data set to run directory.

First a head is fitted on the frozen backbone. If the backbone is fine-tuned, the same steps follow for the result (int8
conversion, embeddings, head), and one of the two candidates is chosen on the validation photos.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress, TaskID

from edge_cls.core.manifest import Training
from edge_cls.model.file import sha256
from edge_cls.model.temperature import with_temperature
from edge_cls_tools.backbones.backbones import Backbone, load_backbone_shown
from edge_cls_tools.backbones.embedding_cache import EmbeddingCache
from edge_cls_tools.dataset.loading import Dataset, Photo
from edge_cls_tools.io.batches import Pixels, batches, stored
from edge_cls_tools.quantization.backbone import int8_backbone
from edge_cls_tools.quantization.temperature import fit_temperature
from edge_cls_tools.run_directory import CHECKPOINT, Run, RunPhoto, save_run
from edge_cls_tools.training.calibration_sample import calibration_sample
from edge_cls_tools.training.checkpoint import Checkpoint, refuse_without_resume
from edge_cls_tools.training.distribution import Distribution
from edge_cls_tools.training.fine_tuning import FineTuned, Photos, fine_tune
from edge_cls_tools.training.head import Head, balanced_weights, fit_head, two_outputs
from edge_cls_tools.training.model_selection import Score, significantly_better
from edge_cls_tools.training.recipe import Recipe
from edge_cls_tools.training.training_state import Epoch


@dataclass(frozen=True)
class Trained:
    """The summary of a training, and the validation scores of its candidates."""

    training: Training
    frozen: Score
    fine_tuned: Score | None = None


def train_classifier(
    dataset: Dataset,
    backbone_spec: str,
    out: Path,
    *,
    seed: int,
    display: Progress,
    recipe: Recipe | None = None,
    balanced: bool = False,
    resume: bool = False,
    distribution: Distribution | None = None,
) -> Trained:
    """Train a classifier on `dataset`, write the run directory `out`, and return the summary and scores.

    The backbone stays frozen if `recipe` is None; otherwise it is also fine-tuned. If `balanced` is set, the photos are
    weighted so that all classes count the same. If `resume` is set, a fine-tuning continues from its last checkpoint in
    `out`. Raises ConfigError if `out` contains a fine-tuning that would be overwritten.
    """
    distribution = distribution or Distribution.single()
    refuse_without_resume(out / CHECKPOINT, resume=resume and recipe is not None)
    job = _Job(dataset, load_backbone_shown(backbone_spec, display), balanced, display)
    frozen = job.candidate(job.backbone)
    chosen, tuned, epochs = frozen, None, 0
    if recipe is not None:
        result = job.fine_tune(frozen.head, recipe, out, resume=resume, distribution=distribution)
        tuned, epochs = job.candidate(result.backbone, result.head), len(result.epochs)
        if significantly_better(tuned.score, frozen.score):
            chosen = tuned
    training = Training(
        backbone_sha256=job.backbone.fingerprint(),
        data_sha256=job.data_sha256,
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        seed=seed,
        epochs=epochs,
        fine_tuned=recipe.layers if recipe is not None and chosen is tuned else None,
        validation_accuracy=chosen.score.accuracy,
        test_accuracy=job.test_accuracy(chosen),
    )
    run = Run(
        backbone=chosen.backbone.name,
        preprocessing=job.backbone.contract,
        seed=seed,
        labels=dataset.labels,
        validation=_run_photos(dataset.validation),
        test=_run_photos(dataset.test),
        trained_on=tuple(sorted({p.digest[:4].hex() for p in (*dataset.train, *dataset.validation)})),
        epochs=epochs,
        training=training,
    )
    if distribution.chief:
        save_run(out, run, two_outputs(chosen.backbone, chosen.head), calibration=job.calibration)
    return Trained(training, frozen.score, tuned.score if tuned else None)


@dataclass(frozen=True, eq=False)
class _Candidate:
    backbone: Backbone
    embeddings: EmbeddingCache
    head: Head
    score: Score


class _Job:
    """Evaluates candidates on the same photos, converted with the same calibration set."""

    def __init__(self, dataset: Dataset, backbone: Backbone, balanced: bool, display: Progress) -> None:
        self.dataset, self.backbone, self._display = dataset, backbone, display
        # The calibration set is read first, so that unreadable photos are reported before any long computation.
        chosen = calibration_sample(dataset.train, len(dataset.labels))
        self.calibration: Pixels = np.concatenate(list(batches(_paths(chosen), backbone.contract, lambda _: None)))
        self._train, self._validation = _labels(dataset.train), _labels(dataset.validation)
        classes = len(dataset.labels)
        self._weights = balanced_weights(self._train, classes) if balanced else np.ones(classes)
        everything = (*dataset.train, *dataset.validation, *dataset.test)
        self.data_sha256 = sha256(b"".join(sorted(photo.digest for photo in everything)))

    def candidate(self, backbone: Backbone, trained_head: Head | None = None) -> _Candidate:
        """Return `backbone` with the better of a newly fitted head and `trained_head`, both on int8 embeddings."""
        task = self._display.add_task("int8 backbone", total=None, note="")
        cache = EmbeddingCache(int8_backbone(backbone, self.calibration), backbone.contract)
        self._display.update(task, total=1, completed=1)
        everything = [*self.dataset.train, *self.dataset.validation, *self.dataset.test]
        task = self._display.add_task("embeddings", total=len(cache.missing(everything)), note="")
        cache.embed(everything, lambda count: self._display.advance(task, count))
        train, validation = (cache.embed(p, lambda _: None) for p in (self.dataset.train, self.dataset.validation))
        fitting = self._display.add_task("head", total=None, note="")
        head = fit_head(
            (train, self._train),
            (validation, self._validation),
            self._weights,
            progress=lambda tried, accuracy: self._display.update(
                fitting, completed=tried, note=f"validation accuracy {accuracy:.1%}"
            ),
        )
        heads = [head] if trained_head is None else [head, trained_head]
        scores = [self._score(head.probabilities(validation)) for head in heads]
        best = min(range(len(heads)), key=lambda i: scores[i].loss)
        return _Candidate(backbone, cache, heads[best], scores[best])

    def _score(self, probabilities: NDArray[np.float32]) -> Score:
        """Return the weighted accuracy and losses of the validation photos, after temperature scaling."""
        truth = self._validation
        calibrated = with_temperature(probabilities, fit_temperature(probabilities, truth))
        weights = self._weights[truth]
        hits = probabilities.argmax(axis=1) == truth
        losses = -np.log(np.maximum(calibrated[np.arange(len(truth)), truth].astype(np.float64), 1e-7))
        return Score(float(np.average(hits, weights=weights)), losses * (weights / weights.mean()))

    def fine_tune(
        self, head: Head, recipe: Recipe, out: Path, *, resume: bool, distribution: Distribution
    ) -> FineTuned:
        """Return the backbone and `head` after fine-tuning on the training photos."""
        task = self._display.add_task("preprocessing", total=len(self.dataset.train), note="")
        contract = recipe.contract(self.backbone)
        out.mkdir(parents=True, exist_ok=True)
        pixels = stored(_paths(self.dataset.train), contract, out, lambda count: self._display.advance(task, count))
        validation = np.concatenate(
            list(batches(_paths(self.dataset.validation), self.backbone.contract, lambda _: None))
        )
        origin = dataclasses.asdict(recipe) | {
            "backbone": self.backbone.fingerprint(),
            "photos": self.data_sha256,
            "class weights": self._weights.tolist(),
            "replicas": distribution.replicas,
        }
        tasks: list[TaskID] = []
        notes = [""]

        def report(done: int, total: int) -> None:
            # Added at the first report: the speed would otherwise include the steps before a resumed checkpoint.
            if not tasks:
                tasks.append(self._display.add_task("fine-tuning", total=total, completed=done, note=""))
            self._display.update(tasks[0], completed=done, note=notes[-1])

        def epoch_done(epoch: Epoch) -> None:
            notes.append(f"epoch {epoch.number}: validation accuracy {epoch.accuracy:.1%}")

        return fine_tune(
            self.backbone,
            head,
            Photos(pixels, self._train, self._weights),
            Photos(validation, self._validation, self._weights),
            recipe,
            Checkpoint(out / CHECKPOINT, origin),
            resume=resume,
            distribution=distribution,
            logs=out / "logs",
            report=report,
            epoch_done=epoch_done,
        )

    def test_accuracy(self, chosen: _Candidate) -> float:
        """Return the accuracy of the chosen candidate on the test photos, which are used for nothing else."""
        embeddings = chosen.embeddings.embed(self.dataset.test, lambda _: None)
        hits = chosen.head.probabilities(embeddings).argmax(axis=1) == _labels(self.dataset.test)
        return float(hits.mean())


def _paths(photos: list[Photo] | tuple[Photo, ...]) -> list[Path]:
    return [photo.path for photo in photos]


def _labels(photos: tuple[Photo, ...]) -> NDArray[np.int64]:
    return np.array([photo.label for photo in photos], np.int64)


def _run_photos(photos: tuple[Photo, ...]) -> tuple[RunPhoto, ...]:
    return tuple(RunPhoto(path=photo.path.resolve(), label=photo.label) for photo in photos)
