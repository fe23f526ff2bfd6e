"""The training of a classifier, from data set to run directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_cls.core.manifest import Training
from edge_cls.model_file import sha256
from edge_cls_tools.backbones import load_backbone_shown
from edge_cls_tools.dataset import Dataset, Photo
from edge_cls_tools.embeddings import EmbeddingCache
from edge_cls_tools.int8_backbone import int8_backbone
from edge_cls_tools.pixels import batches
from edge_cls_tools.run_directory import CALIBRATION_IMAGES, Run, RunPhoto, save_run
from edge_cls_tools.training import train_head, two_outputs


def train_classifier(
    dataset: Dataset, backbone_spec: str, out: Path, *, epochs: int, seed: int, display: Progress
) -> Training:
    """Train a head on the embeddings of `dataset`, write the run to `out`, and return what came of it."""
    backbone = load_backbone_shown(backbone_spec, display)
    contract = backbone.contract
    # The calibration images are read first: where photos cannot be read, that is said before anything long begins.
    chosen = calibration_sample(dataset.train, len(dataset.labels))
    calibration = np.concatenate(list(batches([photo.path for photo in chosen], contract, lambda _: None)))
    task = display.add_task("int8 backbone", total=None, note="")
    cache = EmbeddingCache(int8_backbone(backbone, calibration), contract)
    display.update(task, total=1, completed=1)
    splits = (dataset.train, dataset.validation, dataset.test)
    everything = [photo for split in splits for photo in split]
    task = display.add_task("embeddings", total=len(cache.missing(everything)), note="")
    cache.embed(everything, lambda count: display.advance(task, count))
    train, validation, test = (cache.embed(split, lambda _: None) for split in splits)
    truth = [np.array([photo.label for photo in split]) for split in splits]
    task = display.add_task("head", total=epochs, note="")
    head = train_head(
        (train, truth[0]),
        (validation, truth[1]),
        len(dataset.labels),
        epochs=epochs,
        seed=seed,
        progress=lambda epoch, accuracy: display.update(task, completed=epoch, note=f"validation {accuracy:.1%}"),
    )
    training = Training(
        backbone_sha256=backbone.fingerprint(),
        data_sha256=sha256(b"".join(sorted(photo.digest for photo in everything))),
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        seed=seed,
        epochs=head.epochs,
        validation_accuracy=float((head.probabilities(validation).argmax(axis=1) == truth[1]).mean()),
        test_accuracy=float((head.probabilities(test).argmax(axis=1) == truth[2]).mean()),
    )
    run = Run(
        backbone=backbone.name,
        preprocessing=contract,
        seed=seed,
        labels=dataset.labels,
        validation=_run_photos(dataset.validation),
        test=_run_photos(dataset.test),
        trained_on=tuple(sorted({p.digest[:4].hex() for p in (*dataset.train, *dataset.validation)})),
        epochs=head.epochs,
        training=training,
    )
    save_run(out, run, two_outputs(backbone, head), calibration=calibration)
    return training


def _run_photos(photos: tuple[Photo, ...]) -> tuple[RunPhoto, ...]:
    return tuple(RunPhoto(path=photo.path.resolve(), label=photo.label) for photo in photos)


def calibration_sample(photos: tuple[Photo, ...], classes: int) -> list[Photo]:
    """Return up to CALIBRATION_IMAGES of `photos`, as evenly over the classes as they allow, by content."""
    by_class = [sorted((p for p in photos if p.label == label), key=lambda p: p.digest) for label in range(classes)]
    rounds = max(map(len, by_class))
    turns = [group[i] for i in range(rounds) for group in by_class if i < len(group)]
    return turns[:CALIBRATION_IMAGES]
