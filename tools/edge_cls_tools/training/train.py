"""The whole training of a classifier, from data set to run directory.

First a head is fitted on the frozen backbone. If the backbone is fine-tuned, the same steps follow for the result (int8
conversion, embeddings, head), and one of the two candidates is chosen on the validation photos. A head on the frozen
backbone is appended to the int8 network of the backbone; a fine-tuned network is converted later, by `quantize`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from edge_cls.core.manifest import Preprocessing, Training
from edge_cls.model.background import BackgroundPhotos, MadeBank, with_bank
from edge_cls.model.file import ModelFile
from edge_cls.model.model import Model
from edge_cls_tools.backbones.int8_files import int8_file
from edge_cls_tools.dataset.loading import Dataset, Photo
from edge_cls_tools.quantization.appended import Appended, appended
from edge_cls_tools.quantization.gate import Comparison, check_gate
from edge_cls_tools.quantization.quantize import MAX_DROP
from edge_cls_tools.run_directory import CHECKPOINT, Run, RunPhoto, save_finished, save_run
from edge_cls_tools.training.candidates import Candidate, Candidates
from edge_cls_tools.training.checkpoint import refuse_without_resume
from edge_cls_tools.training.head import two_outputs
from edge_cls_tools.training.model_selection import Score, significantly_better
from edge_cls_tools.training.recipe import Recipe, Strategy


@dataclass(frozen=True)
class Trained:
    """The summary of a training, and the validation scores of its candidates.

    `comparison` is that of the float head and the int8 one, if the backbone stayed frozen: the run then contains the
    finished model, `file`. Both are None if the fine-tuned network was chosen. `made_bank` is the bank of the file, if
    it was made of a user's photos.
    """

    training: Training
    frozen: Score
    fine_tuned: Score | None = None
    comparison: Comparison | None = None
    file: ModelFile | None = None
    made_bank: MadeBank | None = None


def train_classifier(
    dataset: Dataset,
    backbone_spec: str,
    out: Path,
    *,
    seed: int,
    display: Progress,
    recipe: Recipe | None = None,
    balanced: bool = False,
    max_drop: float = MAX_DROP,
    resume: bool = False,
    strategy: Strategy = "none",
    background: BackgroundPhotos | None = None,
) -> Trained:
    """Train a classifier on `dataset`, write the run directory `out`, and return the summary and scores.

    The backbone, as `int8_file` or `load_backbone` takes it, stays frozen if `recipe` is None; otherwise it is also
    fine-tuned, with the distribution `strategy`. If `balanced` is set, the photos are weighted so that all classes
    count the same. If `resume` is set, a fine-tuning continues from its last checkpoint in `out`. A frozen backbone
    gets the bank of the photos of `background`, and keeps its own without them; a fine-tuned one gets none.

    Raises ConfigError if `out` contains a fine-tuning that would be overwritten, ConversionError if the int8 head of a
    frozen backbone loses more than `max_drop` percentage points of accuracy against the float one, DatasetError if too
    few photos of `background` can be read, and the errors of those two functions.
    """
    refuse_without_resume(out / CHECKPOINT, resume=resume and recipe is not None)
    candidates = Candidates(dataset, display, balanced=balanced)
    if recipe is not None:
        return _fine_tune(
            candidates, backbone_spec, recipe, out, seed, max_drop, background, resume=resume, strategy=strategy
        )
    file = _int8_file_shown(backbone_spec, display)
    if file is None:
        from edge_cls_tools.training.keras_job import KerasJob

        job = KerasJob(backbone_spec, candidates)
        file = job.converted(job.backbone)
    file, made_bank = with_bank(file, background)
    frozen = candidates.candidate(file)
    training = _training(candidates, frozen, Model(file).space, seed)
    made = _append(candidates, frozen, training, out, max_drop)
    return Trained(training, frozen.score, comparison=made.comparison, file=made.file, made_bank=made_bank)


def _fine_tune(
    candidates: Candidates,
    backbone_spec: str,
    recipe: Recipe,
    out: Path,
    seed: int,
    max_drop: float,
    background: BackgroundPhotos | None,
    *,
    resume: bool,
    strategy: Strategy,
) -> Trained:
    # Here, because they load Keras and TensorFlow.
    from edge_cls_tools.training.distribution import Distribution
    from edge_cls_tools.training.keras_job import KerasJob

    distribution = Distribution.named(strategy)
    job = KerasJob(backbone_spec, candidates)
    file, made_bank = with_bank(int8_file(backbone_spec) or job.converted(job.backbone), background)
    frozen = candidates.candidate(file)
    result = job.fine_tune(frozen.head, recipe, out, resume=resume, distribution=distribution)
    tuned, epochs = candidates.candidate(job.converted(result.backbone), result.head), len(result.epochs)
    sha256 = job.backbone.fingerprint()
    if not significantly_better(tuned.score, frozen.score):
        training = _training(candidates, frozen, sha256, seed, epochs)
        made = _append(candidates, frozen, training, out, max_drop, write=distribution.chief)
        return Trained(training, frozen.score, tuned.score, made.comparison, made.file, made_bank)
    training = replace(_training(candidates, tuned, sha256, seed, epochs), fine_tuned=recipe.layers)
    if distribution.chief:
        run = _run(candidates, result.backbone.name, job.backbone.contract, training)
        save_run(out, run, two_outputs(result.backbone, tuned.head), calibration=job.calibration)
    return Trained(training, frozen.score, tuned.score)


def _append(
    candidates: Candidates,
    chosen: Candidate,
    training: Training,
    out: Path,
    max_drop: float,
    *,
    write: bool = True,
) -> Appended:
    """Append the head to the backbone, check the loss, and write the finished run."""
    dataset, truth, manifest = candidates.dataset, candidates.truth, chosen.backbone.manifest
    assert manifest is not None  # noqa: S101 - int8_file and converted_backbone made it
    run = _run(candidates, manifest.backbone, manifest.preprocessing, training)
    made = appended(
        chosen.backbone,
        chosen.head,
        train=chosen.train,
        validation=(chosen.validation, truth["validation"]),
        test=(chosen.test, truth["test"]),
        labels=dataset.labels,
        name=out.absolute().name,
        training=training,
        trained_on=frozenset(bytes.fromhex(digest) for digest in run.trained_on),
    )
    check_gate(made.comparison, max_drop)
    if write:
        save_finished(out, run, made.file, made.head)
    return made


def _int8_file_shown(spec: str, display: Progress) -> ModelFile | None:
    """Return the backbone `spec` as `int8_file` does, with the progress of a download on `display`."""
    task = display.add_task("backbone", total=None, note="")
    file = int8_file(spec, lambda done, total: display.update(task, completed=done, total=total, note="bytes"))
    display.remove_task(task)
    return file


def _training(candidates: Candidates, chosen: Candidate, sha256: str, seed: int, epochs: int = 0) -> Training:
    dataset = candidates.dataset
    hits = chosen.head.logits(chosen.test).argmax(axis=1) == candidates.truth["test"]
    return Training(
        backbone_sha256=sha256,
        data_sha256=candidates.data_sha256,
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        seed=seed,
        epochs=epochs,
        validation_accuracy=chosen.score.accuracy,
        test_accuracy=float(hits.mean()),
    )


def _run(candidates: Candidates, backbone: str, preprocessing: Preprocessing, training: Training) -> Run:
    dataset = candidates.dataset
    return Run(
        backbone=backbone,
        preprocessing=preprocessing,
        seed=training.seed,
        labels=dataset.labels,
        validation=_run_photos(dataset.validation),
        test=_run_photos(dataset.test),
        trained_on=tuple(sorted({p.digest[:4].hex() for p in (*dataset.train, *dataset.validation)})),
        epochs=training.epochs,
        training=training,
    )


def _run_photos(photos: tuple[Photo, ...]) -> tuple[RunPhoto, ...]:
    return tuple(RunPhoto(path=photo.path.resolve(), label=photo.label) for photo in photos)
