"""Fits the head of a classifier on the embeddings of a backbone, by logistic regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from edge_cls_tools.linear_head import Embeddings, Head, Labels
from edge_cls_tools.training.softmax_regression import SoftmaxRegression

if TYPE_CHECKING:
    import keras

    from edge_cls_tools.backbones.backbones import Backbone

C_VALUES = tuple(float(10.0**exponent) for exponent in np.arange(-3.5, 1.6, 0.5))
"""Values of scikit-learn's C (inverse regularisation strength) that are tried, from strong to weak regularisation."""
PATIENCE = 2
"""The search stops after this many values of C in a row without a lower validation loss: it has one minimum."""


def balanced_weights(labels: Labels, classes: int) -> NDArray[np.float64]:
    """Return the weight of a photo of each class, (classes,): all classes count the same, and the mean weight is 1."""
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), np.float64)


def fit_head(
    train: tuple[Embeddings, Labels],
    validation: tuple[Embeddings, Labels],
    weights: NDArray[np.float64],
    *,
    progress: Callable[[int, float], None],
) -> Head:
    """Return the logistic regression with the value of C that gives the lowest validation loss.

    `train` and `validation` are embeddings (n, dim) and their labels (n,); every class must occur in `train`.
    `weights`, (classes,), are the weights of a photo of each class. `progress(number tried, validation accuracy)` is
    called after each value of C. Raises FloatingPointError if no head has a finite loss.
    """
    embeddings, labels = train
    scale = _scale(embeddings)
    mean = embeddings.mean(axis=0)
    regression = SoftmaxRegression((embeddings - mean) / scale, labels, weights[labels], len(weights))
    best, best_loss, worse = None, np.inf, 0
    for tried, c in enumerate(C_VALUES, start=1):
        # The matrices are small: with several threads it takes up to ten times as long.
        with threadpool_limits(1):
            kernel, bias = regression.fit(c)
        # The scaling is folded into kernel and bias.
        kernel = kernel / scale[:, None]
        head = Head(kernel, bias - mean @ kernel)
        losses = head.losses(*validation)
        loss = float(np.average(losses, weights=weights[validation[1]]))
        progress(tried, float((head.probabilities(validation[0]).argmax(axis=1) == validation[1]).mean()))
        if loss < best_loss:
            best, best_loss, worse = head, loss, 0
        else:
            worse += 1
        if best is not None and worse == PATIENCE:
            break
    if best is None:  # every loss is infinite or NaN
        raise FloatingPointError("no head has a finite loss")
    return best


def _scale(embeddings: Embeddings) -> NDArray[np.float32]:
    """Return the divisor of each feature, (dim,): the square root of its deviation, normalised to mean energy 1.

    This is a compromise: with one scale for all features the strong ones dominate, and with full standardisation
    features that are rarely active are amplified too much. Both gave worse heads.
    """
    deviation = embeddings.std(axis=0)
    typical = float(deviation.mean()) or 1.0
    root = np.sqrt(np.maximum(deviation, 0.05 * typical))
    return np.asarray(root * (np.sqrt(np.mean((deviation / root) ** 2)) or 1.0), np.float32)


def two_outputs(backbone: Backbone, head: Head) -> keras.Model:
    """Return the float network of the model: pixels in [-1, 1] to the outputs `embedding` and `probability`."""
    import keras

    embedding = backbone.model.output
    dense = keras.layers.Dense(head.bias.size, activation="softmax", name="probability")
    probability = dense(embedding)
    dense.set_weights([head.kernel, head.bias])
    # Named, because Keras numbers unnamed networks, and the name becomes part of the model file.
    outputs = {"embedding": embedding, "probability": probability}
    return keras.Model(backbone.model.input, outputs, name="edge_cls")
