"""What a classifier says of photos that it has not learnt from."""

from __future__ import annotations

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
from edge_cls_tools.io.batches import Advance, batches


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of `model`: row i of `probabilities`, float32 (n, classes), is of photo i."""

    model: Model
    photos: tuple[Photo, ...]
    probabilities: NDArray[np.float32]

    @property
    def truth(self) -> NDArray[np.int64]:
        """The class that each photo shows, (n,)."""
        return np.array([photo.label for photo in self.photos])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class that each photo was taken for, (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """How sure the model is of that, (n,)."""
        return np.asarray(self.probabilities.max(axis=1))


def load_classifier(path: Path, *, labels: tuple[str, ...] = ()) -> Model:
    """Return the model at `path`; `labels` are for one that has none inside. Raises ModelError without classes."""
    file = read_model(path)
    model = Model(file, labels=() if file.labels else labels)
    if not model.classifies:
        raise ModelError(
            f"{path} has no classes of its own",
            hint="evaluate a model that 'edge-cls quantize' made, or give the labels file of another (--labels)",
        )
    return model


def photos_for(model: Model, data: Path) -> list[Photo]:
    """Return the photos of `data`, or of the test folder in it, with the classes of `model`.

    Raises DatasetError for a class that the model does not know, and LabelError for one that it has twice.
    """
    photos = photos_of(test_folder(data), model.labels)
    shown = {model.labels[photo.label] for photo in photos}
    twice = sorted(label for label in shown if model.labels.count(label) > 1)
    if twice:
        raise LabelError(
            f"{model.file.path} has more than one class called {', '.join(twice)}", hint="tell them apart in its labels"
        )
    return photos


def unseen(photos: Sequence[Photo], *models: Model) -> list[Photo]:
    """Return the photos that none of the models has learnt from. Raises DatasetError where no photo is left."""
    left = [photo for photo in photos if not any(photo.digest[:4] in model.file.trained_on for model in models)]
    if not left:
        was = "the model was" if len(models) == 1 else "the models were"
        raise DatasetError(f"{was} trained on all {len(photos)} photos", hint="evaluate on photos not seen before")
    return left


def predict(model: Model, photos: Sequence[Photo], *, advance: Advance) -> Predictions:
    """Return the answers of `model` for `photos`. Raises DatasetError, which names them, where some cannot be read."""
    rows = [
        class_probabilities(model, pixels)
        for batch in batches([photo.path for photo in photos], model.contract, advance)
        for pixels in batch
    ]
    return Predictions(model, tuple(photos), np.array(rows))


def class_probabilities(model: Model, frame: Frame) -> NDArray[np.float32]:
    """Return the probabilities, float32 (classes,), that `model` gives for an RGB frame."""
    probability = model.infer(frame).probability
    if probability is None:
        raise ModelError(f"{model.file.path} has no classes of its own", hint="use a classifier")
    return probability


def readable(path: str | Path) -> str:
    """Return a path as text that can be written down, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
