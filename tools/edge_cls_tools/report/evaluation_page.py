"""The page of an evaluation: numbers, plots, and photos of the errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from edge_cls.images.reading import read_image
from edge_cls_tools.evaluation.comparison import Pair, compare, differing
from edge_cls_tools.evaluation.corruptions import CORRUPTIONS
from edge_cls_tools.evaluation.metrics import Evaluation, uncalibrated
from edge_cls_tools.evaluation.predictions import Predictions, readable
from edge_cls_tools.evaluation.reliability import rejection_curve, reliability
from edge_cls_tools.evaluation.robustness import Robustness, backdrop_of, corrupted_frames, working_frame
from edge_cls_tools.report.evaluation_plots import (
    classes_plot,
    confusion_plot,
    rejection_plot,
    reliability_plot,
    robustness_plot,
)
from edge_cls_tools.report.page import page, picture, plot

MISTAKES, CONFUSIONS, PHOTOS_PER_CONFUSION, DIFFERENCES = 12, 8, 3, 24
"""Most errors, confusions, photos of a confusion, and differences of two models that are shown."""
THUMBNAIL = 84
"""Longest side of a corrupted photo, in pixels."""


@dataclass(frozen=True)
class Shown:
    """A photo with the name of its file, its true label, and the predicted label with the confidence."""

    picture: Markup
    file: str
    truth: str
    predicted: str


@dataclass(frozen=True)
class Confusion:
    """The number of photos of one class that were predicted as another, and those with the highest confidence."""

    truth: str
    predicted: str
    count: int
    photos: list[Shown]


@dataclass(frozen=True)
class CorruptionRow:
    """A kind of corruption: for each severity its strength in `unit`, the accuracy, and an example."""

    name: str
    unit: str
    cells: list[tuple[float, float, Markup]]
    mean: float


def evaluation_page(
    evaluation: Evaluation,
    predictions: Predictions,
    data: Path,
    *,
    robustness: Robustness | None = None,
    pair: Pair | None = None,
) -> bytes:
    """Return the page, UTF-8, of an evaluation on the photos of `data`."""
    correct = predictions.predicted == predictions.truth
    raw = uncalibrated(predictions.probabilities, evaluation.temperature).max(axis=1)
    labels, confusion = _occurring_classes(evaluation)
    errors = evaluation.uncalibrated_calibration_error, evaluation.expected_calibration_error
    bins = reliability(raw, correct), reliability(predictions.confidence, correct)
    return page(
        "evaluation.html",
        evaluation=evaluation,
        data=readable(data),
        classes={label: evaluation.classes[label] for label in labels},
        without_photos=len(evaluation.labels) - len(labels),
        confusion_plot=plot(confusion_plot(labels, confusion)),
        classes_plot=plot(classes_plot({label: evaluation.classes[label] for label in labels})),
        reliability_plot=plot(reliability_plot(*bins, errors)),
        rejection_plot=plot(rejection_plot(rejection_curve(predictions.confidence, correct), evaluation.known)),
        mistakes=_mistakes(predictions, data),
        confusions=_confusions(predictions, data),
        robustness=robustness,
        robustness_plot=plot(robustness_plot(robustness)) if robustness else None,
        corruptions=_corruptions(robustness, predictions) if robustness else [],
        comparison=compare(pair) if pair else None,
        differences=_differences(pair, data) if pair else [],
    )


def _occurring_classes(evaluation: Evaluation) -> tuple[list[str], NDArray[np.int64]]:
    """Return the classes that occur among the true or the predicted labels, and their confusion matrix."""
    confusion = np.array(evaluation.confusion, np.int64)
    occurring = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    return [evaluation.labels[i] for i in occurring], confusion[np.ix_(occurring, occurring)]


def _mistakes(predictions: Predictions, data: Path) -> list[Shown]:
    wrong = np.flatnonzero(predictions.predicted != predictions.truth)
    return [_shown(predictions, row, data) for row in _most_confident(predictions, wrong)[:MISTAKES]]


def _confusions(predictions: Predictions, data: Path) -> list[Confusion]:
    """Return the most frequent confusions; equally frequent ones are in the order of the classes."""
    wrong = predictions.predicted != predictions.truth
    pairs, counts = np.unique(
        np.stack([predictions.truth, predictions.predicted])[:, wrong], axis=1, return_counts=True
    )
    found = []
    for index in np.argsort(-counts, kind="stable")[:CONFUSIONS]:
        truth, predicted = pairs[:, index]
        rows = np.flatnonzero((predictions.truth == truth) & (predictions.predicted == predicted))
        photos = [_shown(predictions, row, data) for row in _most_confident(predictions, rows)[:PHOTOS_PER_CONFUSION]]
        labels = predictions.model.labels
        found.append(Confusion(labels[truth], labels[predicted], int(counts[index]), photos))
    return found


def _differences(pair: Pair, data: Path) -> list[Shown]:
    shown = []
    for row in differing(pair)[:DIFFERENCES]:
        both = [
            f"{name}: {_prediction(predictions, row)}"
            for name, predictions in (("this", pair.first), ("other", pair.second))
        ]
        shown.append(replace(_shown(pair.first, row, data), predicted=", ".join(both)))
    return shown


def _corruptions(robustness: Robustness, predictions: Predictions) -> list[CorruptionRow]:
    # The example is the photo with the most confident correct prediction.
    example = predictions.photos[
        int(np.where(predictions.predicted == predictions.truth, predictions.confidence, 0).argmax())
    ]
    frame, backdrop = working_frame(example), backdrop_of(example, predictions.photos)
    rows = []
    for kind in CORRUPTIONS:
        result = robustness.kinds[kind.name]
        pictures = [
            picture(corrupted, side=THUMBNAIL) for corrupted in corrupted_frames(kind, example, frame, backdrop)
        ]
        cells = list(zip(result.strengths, result.accuracy, pictures, strict=True))
        rows.append(CorruptionRow(kind.name, kind.unit, cells, float(np.mean(result.accuracy))))
    return rows


def _most_confident(predictions: Predictions, rows: NDArray[np.int64]) -> list[int]:
    return [int(row) for row in rows[np.argsort(-predictions.confidence[rows], kind="stable")]]


def _shown(predictions: Predictions, row: int, data: Path) -> Shown:
    photo = predictions.photos[row]
    truth = predictions.model.labels[photo.label]
    return Shown(
        picture(read_image(photo.path)), readable(photo.path.relative_to(data)), truth, _prediction(predictions, row)
    )


def _prediction(predictions: Predictions, row: int) -> str:
    return f"{predictions.model.labels[predictions.predicted[row]]} {predictions.confidence[row]:.0%}"
