"""An evaluation from the command's arguments to its results: the models, the photos, and the measurements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from edge_cls.model.labels_file import read_labels
from edge_cls.model.model import Model
from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.evaluation.comparison import Pair, check_same_labels, predict_missing
from edge_cls_tools.evaluation.metrics import Evaluation, evaluation_of
from edge_cls_tools.evaluation.predictions import Predictions, load_classifier, photos_for, predict, unseen
from edge_cls_tools.evaluation.robustness import Robustness, measure_robustness


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """The measurements on the photos of `data`; `robustness` and `pair` are None if they were not requested."""

    data: Path
    predictions: Predictions
    evaluation: Evaluation
    robustness: Robustness | None = None
    pair: Pair | None = None


@dataclass(frozen=True, eq=False)
class EvaluationJob:
    """A classifier and its photos, checked and ready to be measured.

    `photos` are those that the model was not trained on, `left_out` counts the others, and `other` is the model to
    compare with.
    """

    data: Path
    model: Model
    photos: tuple[Photo, ...]
    left_out: int
    other: Model | None = None

    def run(self, display: Progress, *, robustness_photos: int | None) -> EvaluationResult:
        """Return all measurements; `robustness_photos` limits the photos for robustness, None skips it.

        Raises DatasetError if a photo cannot be read, or if `other` was trained on all photos.
        """
        task = display.add_task("classifying", total=len(self.photos), note="")
        predictions = predict(self.model, self.photos, advance=lambda count: display.advance(task, count))
        evaluation = evaluation_of(predictions, left_out=self.left_out)
        pair = robustness = None
        if self.other:
            compared = display.add_task("comparing", total=len(self.photos), note="")
            pair = predict_missing(self.other, predictions, advance=lambda count: display.advance(compared, count))
        if robustness_photos is not None:
            total = min(len(self.photos), robustness_photos)
            corrupted = display.add_task("corrupting photos", total=total, note="")
            robustness = measure_robustness(
                self.model,
                self.photos,
                limit=robustness_photos,
                advance=lambda count: display.advance(corrupted, count),
            )
        return EvaluationResult(self.data, predictions, evaluation, robustness, pair)


def prepare_evaluation(model: Path, data: Path, *, labels: Path | None, compare: Path | None) -> EvaluationJob:
    """Return the job for the model at `model` and the photos of `data`, or of the test folder in it.

    `labels` is a labels file for models that contain no labels, `compare` another model for the same photos. Raises
    ModelError if a model cannot be read, has no classes, or if the two do not have the same ones; LabelError for an
    invalid labels file or a class that the model has twice; DatasetError if no photo is left to measure with.
    """
    given = read_labels(labels) if labels else ()
    classifier = load_classifier(model, labels=given)
    other = load_classifier(compare, labels=given) if compare else None
    if other:
        check_same_labels(classifier, other)
    photos = photos_for(classifier, data)
    new = unseen(photos, classifier)
    return EvaluationJob(data, classifier, tuple(new), len(photos) - len(new), other)
