"""Two classifiers on the same photos: whether one is better, or was lucky."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from edge_cls.errors import ModelError
from edge_cls.model.model import Model
from edge_cls_tools.evaluation.predictions import Predictions, predict, readable, unseen
from edge_cls_tools.io.batches import Advance


@dataclass(frozen=True)
class PairedComparison:
    """The model under evaluation and an `other` on the same photos, those that neither has learnt from.

    Accuracies lie in [0, 1]; `difference` is the model's minus the other's, with its 95 % confidence interval.
    `only_model` and `only_other` count the photos that one of them alone has right. `p_value`: how likely counts as
    uneven as these, or more, would be if the two were equally good, by McNemar's `test`.
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
    """The answers of two models for the same photos; each knows the classes by numbers of its own."""

    first: Predictions
    second: Predictions
    left_out: int

    @property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which photos each of the two has right, (n,)."""
        return self.first.predicted == self.first.truth, self.second.predicted == self.second.truth


def predict_missing(other: Model, predictions: Predictions, *, advance: Advance) -> Pair:
    """Ask `other` about the photos of `predictions`, but for those that it has learnt from.

    Labels are matched by name. Raises ModelError where the two do not have the same classes, in whichever order, and
    DatasetError where no photo is left.
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
    """Raise ModelError where the two do not have the same classes."""
    alone = [
        f"only {one.file.path} knows {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}"
        for one, another in ((model, other), (other, model))
        if (missing := sorted(set(one.labels) - set(another.labels)))
    ]
    if alone:
        raise ModelError(
            f"the models do not have the same classes: {' and '.join(alone)}",
            hint="compare models that were trained on the same classes",
        )


def compare(pair: Pair) -> PairedComparison:
    """Return how the two models do against each other."""
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
    """Return the two-sided p-value that one of two equally good models alone is right so much more often.

    McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; exact, by the binomial
    distribution, for many photos as for few.
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def difference_interval(only_first: int, only_second: int, photos: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of the difference of two accuracies on the same photos.

    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", 2005: Wald's interval
    with half a photo more in each of the four cells, so that agreement on a few photos is no certainty.
    """
    first, second, total = only_first + 0.5, only_second + 0.5, photos + 2
    difference = (first - second) / total
    half = float(norm.ppf(0.975)) * ((first + second) - (first - second) ** 2 / total) ** 0.5 / total
    return max(-1.0, difference - half), min(1.0, difference + half)


def differing(pair: Pair) -> NDArray[np.int64]:
    """Return the indices of the photos that one model alone has right, those first where the wrong one is surest."""
    first, second = pair.right
    indices = np.flatnonzero(first != second)
    wrong = np.where(first, pair.second.confidence, pair.first.confidence)[indices]
    return np.asarray(indices[np.argsort(-wrong, kind="stable")])
