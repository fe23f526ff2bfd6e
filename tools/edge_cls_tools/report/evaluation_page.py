"""The page of an evaluation: numbers, plots, and the photos behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from edge_cls.images.reading import read_image
from edge_cls_tools.evaluation.comparison import Pair, compare, differing
from edge_cls_tools.evaluation.corruptions import PERTURBATIONS
from edge_cls_tools.evaluation.metrics import Evaluation, uncalibrated
from edge_cls_tools.evaluation.predictions import Predictions, readable
from edge_cls_tools.evaluation.reliability import rejection_curve, reliability
from edge_cls_tools.evaluation.robustness import Robustness, backdrop_of, changes, working_frame
from edge_cls_tools.report.evaluation_plots import (
    classes_plot,
    confusion_plot,
    rejection_plot,
    reliability_plot,
    robustness_plot,
)
from edge_cls_tools.report.page import page, picture, plot

MISTAKES, CONFUSIONS, OF_A_CONFUSION, DIFFERENCES = 12, 8, 3, 24
THUMBNAIL = 84


@dataclass(frozen=True)
class Shown:
    """A photo with what the file is called, what it shows, and what was said of it."""

    picture: Markup
    file: str
    truth: str
    said: str


@dataclass(frozen=True)
class Confusion:
    """How often one class was taken for another, and the photos for which that was surest."""

    truth: str
    predicted: str
    count: int
    photos: list[Shown]


@dataclass(frozen=True)
class DamageRow:
    """A kind of change: for each strength its value, the accuracy, and what a photo looks like then."""

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
    """Return the page, UTF-8, of what was measured on the photos of `data`."""
    correct = predictions.predicted == predictions.truth
    raw = uncalibrated(predictions.probabilities, evaluation.temperature).max(axis=1)
    labels, confusion = _met(evaluation)
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
        damage=_damage(robustness, predictions) if robustness else [],
        comparison=compare(pair) if pair else None,
        differences=_differences(pair, data) if pair else [],
    )


def _met(evaluation: Evaluation) -> tuple[list[str], NDArray[np.int64]]:
    """Return the classes that a photo shows or was taken for, and the confusion matrix of those."""
    confusion = np.array(evaluation.confusion, np.int64)
    met = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    return [evaluation.labels[i] for i in met], confusion[np.ix_(met, met)]


def _mistakes(predictions: Predictions, data: Path) -> list[Shown]:
    wrong = np.flatnonzero(predictions.predicted != predictions.truth)
    return [_shown(predictions, row, data) for row in _surest(predictions, wrong)[:MISTAKES]]


def _confusions(predictions: Predictions, data: Path) -> list[Confusion]:
    """Return the most frequent confusions; of equally frequent ones those of the first classes."""
    wrong = predictions.predicted != predictions.truth
    pairs, counts = np.unique(
        np.stack([predictions.truth, predictions.predicted])[:, wrong], axis=1, return_counts=True
    )
    found = []
    for index in np.argsort(-counts, kind="stable")[:CONFUSIONS]:
        truth, predicted = pairs[:, index]
        rows = np.flatnonzero((predictions.truth == truth) & (predictions.predicted == predicted))
        photos = [_shown(predictions, row, data) for row in _surest(predictions, rows)[:OF_A_CONFUSION]]
        labels = predictions.model.labels
        found.append(Confusion(labels[truth], labels[predicted], int(counts[index]), photos))
    return found


def _differences(pair: Pair, data: Path) -> list[Shown]:
    shown = []
    for row in differing(pair)[:DIFFERENCES]:
        both = [
            f"{who}: {_said(predictions, row)}" for who, predictions in (("this", pair.first), ("other", pair.second))
        ]
        shown.append(replace(_shown(pair.first, row, data), said=", ".join(both)))
    return shown


def _damage(robustness: Robustness, predictions: Predictions) -> list[DamageRow]:
    # The photo that the model knows best, so that one sees what changes.
    example = predictions.photos[
        int(np.where(predictions.predicted == predictions.truth, predictions.confidence, 0).argmax())
    ]
    frame, backdrop = working_frame(example), backdrop_of(example, predictions.photos)
    rows = []
    for kind in PERTURBATIONS:
        damage = robustness.kinds[kind.name]
        pictures = [picture(changed, side=THUMBNAIL) for changed in changes(kind, example, frame, backdrop)]
        cells = list(zip(damage.strengths, damage.accuracy, pictures, strict=True))
        rows.append(DamageRow(kind.name, kind.unit, cells, float(np.mean(damage.accuracy))))
    return rows


def _surest(predictions: Predictions, rows: NDArray[np.int64]) -> list[int]:
    return [int(row) for row in rows[np.argsort(-predictions.confidence[rows], kind="stable")]]


def _shown(predictions: Predictions, row: int, data: Path) -> Shown:
    photo = predictions.photos[row]
    truth = predictions.model.labels[photo.label]
    return Shown(
        picture(read_image(photo.path)), readable(photo.path.relative_to(data)), truth, _said(predictions, row)
    )


def _said(predictions: Predictions, row: int) -> str:
    return f"{predictions.model.labels[predictions.predicted[row]]} {predictions.confidence[row]:.0%}"
