"""The predictions of a classifier for photos that it was not trained on."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import DatasetError, LabelError, ModelError
from edge_cls.images.preprocess import Frame
from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.dataset.loading import Photo, photos_of, test_folder
from edge_cls_tools.io.batches import Advance
from edge_cls_tools.io.parallel import run_parallel, useful_copies


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of `model`: row i of `probabilities`, float32 (n, classes), is that of photo i."""

    model: Model
    photos: tuple[Photo, ...]
    probabilities: NDArray[np.float32]

    @property
    def truth(self) -> NDArray[np.int64]:
        """The true class of each photo by index, (n,)."""
        return np.array([photo.label for photo in self.photos])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted class of each photo by index, (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of the predicted class, (n,)."""
        return np.asarray(self.probabilities.max(axis=1))


def load_classifier(path: Path, *, labels: tuple[str, ...] = ()) -> Model:
    """Return the model at `path`; `labels` are used if it contains none. Raises ModelError if it has no classes."""
    file = read_model(path)
    model = Model(file, labels=() if file.labels else labels)
    if not model.classifies:
        raise ModelError(
            f"{path} has no classes",
            hint="evaluate a model made by 'edge-cls quantize', or give the labels file of another one (--labels)",
        )
    return model


def photos_for(model: Model, data: Path) -> list[Photo]:
    """Return the photos of `data`, or of the test folder in it, with the class indices of `model`.

    Raises DatasetError if a class is not one of the model, and LabelError if the model has it twice.
    """
    photos = photos_of(test_folder(data), model.labels)
    shown = {model.labels[photo.label] for photo in photos}
    twice = sorted(label for label in shown if model.labels.count(label) > 1)
    if twice:
        raise LabelError(
            f"{model.file.path} has more than one class called {', '.join(twice)}", hint="give them different labels"
        )
    return photos


def unseen(photos: Sequence[Photo], *models: Model) -> list[Photo]:
    """Return the photos that none of the models was trained on. Raises DatasetError if no photo is left."""
    left = [photo for photo in photos if not any(photo.digest[:4] in model.file.trained_on for model in models)]
    if not left:
        was = "the model was" if len(models) == 1 else "the models were"
        raise DatasetError(f"{was} trained on all {len(photos)} photos", hint="evaluate on other photos")
    return left


def predict(model: Model, photos: Sequence[Photo], *, advance: Advance) -> Predictions:
    """Return the predictions of `model` for `photos`; `advance` is called with the number of photos done.

    Raises DatasetError if photos cannot be read.
    """
    others = [Model(model.file, labels=model.labels) for _ in range(useful_copies(len(photos)) - 1)]
    copies = [functools.partial(class_probabilities, copy) for copy in (model, *others)]
    rows = run_parallel([photo.path for photo in photos], model.contract, copies, advance)
    return Predictions(model, tuple(photos), np.array(rows))


def class_probabilities(model: Model, frame: Frame) -> NDArray[np.float32]:
    """Return the probabilities of the classes, float32 (classes,), for an RGB frame.

    Raises ModelError if the model has no classes.
    """
    probability = model.infer(frame).probability
    if probability is None:
        raise ModelError(f"{model.file.path} has no classes", hint="use a classifier")
    return probability


def readable(path: str | Path) -> str:
    """Return a path as text that can be encoded, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "replace")
