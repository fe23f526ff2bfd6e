"""Comparing two classifiers on the same photos: whether a difference is significant."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import ModelError
from edge_cls.model.model import Model
from edge_cls_tools.evaluation.predictions import Predictions, predict, readable, unseen
from edge_cls_tools.io.batches import Advance


@dataclass(frozen=True)
class PairedComparison:
    """The evaluated model and an `other` one on the same photos, without those that either was trained on.

    Accuracies are in [0, 1]; `difference` is the accuracy of the model minus that of the other, with its 95 %
    confidence interval. `only_model` and `only_other` count the photos that only one of them predicts correctly.
    `p_value` is the probability of counts at least as uneven as these if both models were equally good, by McNemar's
    `test`. `left_out` counts the photos that the other model was trained on.
    """

    model: str
    other: str
    photos: int
    left_out: int
    accuracy: float
    other_accuracy: float
    difference: float
    difference_ci95: tuple[float, float]
    both_right: int
    only_model: int
    only_other: int
    both_wrong: int
    p_value: float
    test: str = "McNemar, exact binomial"


@dataclass(frozen=True, eq=False)
class Pair:
    """The predictions of two models for the same photos; each model has its own order of the classes."""

    first: Predictions
    second: Predictions
    left_out: int

    @property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each of the two predicts each photo correctly, (n,)."""
        return self.first.predicted == self.first.truth, self.second.predicted == self.second.truth


def predict_missing(other: Model, predictions: Predictions, *, advance: Advance) -> Pair:
    """Return `predictions` with those of `other` for the same photos, without those that `other` was trained on.

    Labels are matched by name. `advance` is called with the number of photos done. Raises ModelError if the two do not
    have the same classes, in any order, and DatasetError if no photo is left.
    """
    model = predictions.model
    check_same_labels(model, other)
    left = {photo.digest for photo in unseen(predictions.photos, other)}
    rows = [row for row, photo in enumerate(predictions.photos) if photo.digest in left]
    photos = tuple(predictions.photos[row] for row in rows)
    renumbered = [replace(photo, label=other.labels.index(model.labels[photo.label])) for photo in photos]
    return Pair(
        Predictions(model, photos, predictions.probabilities[rows]),
        predict(other, renumbered, advance=advance),
        len(predictions.photos) - len(photos),
    )


def check_same_labels(model: Model, other: Model) -> None:
    """Raise ModelError if the two do not have the same classes."""
    alone = [
        f"only {one.file.path} has {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}"
        for one, another in ((model, other), (other, model))
        if (missing := sorted(set(one.labels) - set(another.labels)))
    ]
    if alone:
        raise ModelError(
            f"the models do not have the same classes: {' and '.join(alone)}",
            hint="compare models that were trained on the same classes",
        )


def compare(pair: Pair) -> PairedComparison:
    """Return the accuracies of the two models, their difference and its significance."""
    first, second = pair.right
    only, only_other = int((first & ~second).sum()), int((second & ~first).sum())
    return PairedComparison(
        model=readable(pair.first.model.file.path),
        other=readable(pair.second.model.file.path),
        photos=len(first),
        left_out=pair.left_out,
        accuracy=float(first.mean()),
        other_accuracy=float(second.mean()),
        difference=(only - only_other) / len(first),
        difference_ci95=difference_interval(only, only_other, len(first)),
        both_right=int((first & second).sum()),
        only_model=only,
        only_other=only_other,
        both_wrong=int((~first & ~second).sum()),
        p_value=mcnemar(only, only_other),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the numbers of photos that only one of two models predicts correctly.

    McNemar, "Note on the sampling error of the difference between correlated proportions", 1947, in its exact form with
    the binomial distribution, for any number of photos.
    """
    discordant = only_first + only_second
    tail = sum(math.comb(discordant, count) for count in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << discordant))


def difference_interval(only_first: int, only_second: int, photos: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of the difference of two accuracies on the same photos, in [-1, 1].

    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", 2005: Wald's interval
    with half a photo added to each of the four cells, so that agreement on a few photos does not count as certainty.
    """
    first, second, total = only_first + 0.5, only_second + 0.5, photos + 2
    difference = (first - second) / total
    half = NormalDist().inv_cdf(0.975) * ((first + second) - (first - second) ** 2 / total) ** 0.5 / total
    return max(-1.0, difference - half), min(1.0, difference + half)


def differing(pair: Pair) -> NDArray[np.int64]:
    """Return the indices of the photos that only one model predicts correctly, by confidence of the wrong one."""
    first, second = pair.right
    indices = np.flatnonzero(first != second)
    wrong = np.where(first, pair.second.confidence, pair.first.confidence)[indices]
    return np.asarray(indices[np.argsort(-wrong, kind="stable")])
