"""The metrics of a classifier, measured on the int8 file that is shipped, with the interpreter of the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Manifest
from edge_cls.model.temperature import with_temperature
from edge_cls_tools.evaluation.predictions import Predictions, load_classifier, photos_for, predict, readable, unseen
from edge_cls_tools.evaluation.reliability import CoveragePoint, coverage_at, expected_calibration_error
from edge_cls_tools.io.batches import Advance


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 of a class, in [0, 1], and the number of its photos."""

    precision: float
    recall: float
    f1: float
    photos: int


@dataclass(frozen=True)
class Evaluation:
    """The metrics that `edge-cls evaluate` reports. `confusion[i][j]` counts photos of class i predicted as class j.

    `left_out` counts photos that the model was trained on, which are not measured. `accuracy_ci95` is Wilson's
    interval, 1927. `expected_calibration_error` is that of the probabilities of the model, and
    `uncalibrated_calibration_error` that without the `temperature` of the model file. `known` has the coverage and the
    accuracy at the threshold of the model file, below which photos are reported as unknown; None if it has none.
    """

    model: str
    photos: int
    left_out: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    top5_accuracy: float
    expected_calibration_error: float
    uncalibrated_calibration_error: float
    temperature: float
    known: CoveragePoint | None
    classes: dict[str, ClassMetrics]
    labels: tuple[str, ...]
    confusion: list[list[int]]


def evaluate(path: Path, data: Path, *, advance: Advance) -> Evaluation:
    """Return the metrics of the model at `path` on the photos of `data`, or of the test folder in it.

    Photos that the model was trained on are left out. `advance` is called with the number of photos done. Raises
    ModelError if the model has no classes, and DatasetError if no photo is left.
    """
    model = load_classifier(path)
    photos = photos_for(model, data)
    predictions = predict(model, unseen(photos, model), advance=advance)
    return evaluation_of(predictions, left_out=len(photos) - len(predictions.photos))


def evaluation_of(predictions: Predictions, *, left_out: int) -> Evaluation:
    """Return the metrics of `predictions`."""
    file = predictions.model.file
    return summarize(
        readable(file.path),
        predictions.model.labels,
        predictions.probabilities,
        predictions.truth,
        left_out=left_out,
        manifest=file.manifest,
    )


def summarize(
    name: str,
    labels: Sequence[str],
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    *,
    left_out: int,
    manifest: Manifest | None = None,
) -> Evaluation:
    """Return the metrics of `probabilities`, (n, classes), against the class indices `truth`, (n,)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    predicted = order[:, 0]
    correct, confidence = predicted == truth, probabilities.max(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    temperature = manifest.temperature if manifest else 1.0
    threshold = manifest.unknown_below if manifest else None
    return Evaluation(
        model=name,
        photos=len(truth),
        left_out=left_out,
        accuracy=float(correct.mean()),
        accuracy_ci95=wilson_interval(int(correct.sum()), len(truth)),
        top5_accuracy=float((order[:, :5] == truth[:, None]).any(axis=1).mean()),
        expected_calibration_error=expected_calibration_error(confidence, correct),
        uncalibrated_calibration_error=expected_calibration_error(
            uncalibrated(probabilities, temperature).max(axis=1), correct
        ),
        temperature=temperature,
        known=None if threshold is None else coverage_at(confidence, correct, threshold),
        classes={label: _class_metrics(confusion, i) for i, label in enumerate(labels)},
        labels=tuple(labels),
        confusion=confusion.tolist(),
    )


def wilson_interval(correct: int, photos: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of the accuracy of `correct` of `photos`, in [0, 1].

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    accuracy, z = correct / photos, NormalDist().inv_cdf(0.975)
    shrink = 1 + z**2 / photos
    centre = (accuracy + z**2 / (2 * photos)) / shrink
    half = z * (accuracy * (1 - accuracy) / photos + z**2 / (4 * photos**2)) ** 0.5 / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def _class_metrics(confusion: NDArray[np.int64], label: int) -> ClassMetrics:
    """Return the metrics of a class; those that nothing was counted for are 0."""
    hits, photos, predicted = confusion[label, label], confusion[label].sum(), confusion[:, label].sum()
    precision, recall, f1 = (
        float(hits / total) if total else 0.0 for total in (predicted, photos, (photos + predicted) / 2)
    )
    return ClassMetrics(precision, recall, f1, int(photos))


def uncalibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return `probabilities`, float32 (n, classes), without the `temperature`; each row sums to 1.

    They differ from the output of the network only by its rounding to int8.
    """
    return with_temperature(probabilities, 1 / temperature)
