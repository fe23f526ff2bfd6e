"""How good a model is: measured on the int8 bytes that ship, through the interpreter that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge_cls.errors import DatasetError, ModelError
from edge_cls.model import Model
from edge_cls.model_file import read_model
from edge_cls_tools.dataset import photos_of, test_folder
from edge_cls_tools.pixels import Advance, batches

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 of a class, in [0, 1], and how many photos show it."""

    precision: float
    recall: float
    f1: float
    photos: int


@dataclass(frozen=True)
class Evaluation:
    """What `edge-cls evaluate` reports. `confusion[i][j]` counts photos of class i that were taken for class j.

    `left_out` counts photos that the model was trained on, which say nothing about its accuracy.
    """

    model: str
    photos: int
    left_out: int
    accuracy: float
    top5_accuracy: float
    expected_calibration_error: float
    classes: dict[str, ClassMetrics]
    labels: tuple[str, ...]
    confusion: list[list[int]]


def evaluate(path: Path, data: Path, *, advance: Advance) -> Evaluation:
    """Measure the model at `path` on the photos of `data`, or of the test folder in it, that it has not learnt from.

    Raises ModelError for a model without classes, and DatasetError where no photo is left.
    """
    model = Model(read_model(path))
    if not model.classifies:
        raise ModelError(f"{path} has no classes of its own", mend="evaluate a model that 'edge-cls quantize' made")
    photos = photos_of(test_folder(data), model.labels)
    unseen = [photo for photo in photos if photo.digest[:4] not in model.file.trained_on]
    if not unseen:
        raise DatasetError(
            f"the model was trained on all {len(photos)} photos of {data}", mend="evaluate on photos it has not seen"
        )
    rows = [
        model.infer(pixels).probability
        for batch in batches([photo.path for photo in unseen], model.contract, advance)
        for pixels in batch
    ]
    truth = np.array([photo.label for photo in unseen])
    return summarize(str(path), model.labels, np.array(rows), truth, left_out=len(photos) - len(unseen))


def summarize(
    name: str, labels: Sequence[str], probabilities: NDArray[np.float32], truth: NDArray[np.int64], *, left_out: int
) -> Evaluation:
    """Return the metrics of `probabilities`, (n, classes), against the class indices `truth`, (n,)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    predicted = order[:, 0]
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=range(len(labels)), zero_division=0.0
    )
    return Evaluation(
        model=name,
        photos=len(truth),
        left_out=left_out,
        accuracy=float((predicted == truth).mean()),
        top5_accuracy=float((order[:, :5] == truth[:, None]).any(axis=1).mean()),
        expected_calibration_error=expected_calibration_error(probabilities.max(axis=1), predicted == truth),
        classes={
            label: ClassMetrics(float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, label in enumerate(labels)
        },
        labels=tuple(labels),
        confusion=confusion_matrix(truth, predicted, labels=range(len(labels))).tolist(),
    )


def expected_calibration_error(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """Return how far confidence and accuracy are apart, in [0, 1], over bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    error = 0.0
    for index in range(CALIBRATION_BINS):
        inside = bins == index
        if inside.any():
            error += float(inside.mean()) * abs(float(confidence[inside].mean()) - float(correct[inside].mean()))
    return error
