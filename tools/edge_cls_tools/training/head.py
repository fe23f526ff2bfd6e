"""The linear classifier on top of a backbone: logistic regression on its embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from edge_cls_tools.backbones.embedding_cache import Embeddings

if TYPE_CHECKING:
    import keras

    from edge_cls_tools.backbones.backbones import Backbone

Labels = NDArray[np.int64]
STRENGTHS = tuple(float(10.0**exponent) for exponent in np.arange(-3.5, 1.6, 0.5))
"""What is tried for scikit-learn's C, from strong to weak regularisation."""
WORSE = 2
"""So many strengths in a row without a better validation loss end the search: it has one minimum."""


@dataclass(frozen=True)
class Head:
    """A linear classifier: logits = embedding @ kernel + bias, with kernel (dim, classes) and bias (classes,)."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Return the class probabilities, float32 (n, classes)."""
        logits = embeddings @ self.kernel + self.bias
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)

    def losses(self, embeddings: Embeddings, labels: Labels) -> NDArray[np.float64]:
        """Return the cross-entropy of each embedding, (n,)."""
        chosen = self.probabilities(embeddings)[np.arange(len(labels)), labels]
        return -np.log(np.maximum(chosen.astype(np.float64), 1e-7))


def balanced_weights(labels: Labels, classes: int) -> NDArray[np.float64]:
    """Return a weight for each class, (classes,), under which all count the same, and the mean photo counts 1."""
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), np.float64)


def fit_head(
    train: tuple[Embeddings, Labels],
    validation: tuple[Embeddings, Labels],
    weights: NDArray[np.float64],
    *,
    progress: Callable[[int, float], None],
) -> Head:
    """Return the logistic regression whose strength of regularisation gives the lowest validation loss.

    `train` and `validation` are embeddings and the class of each, `weights` (classes,) what a photo of each class
    counts; every class must be in `train`. `progress(tried, validation accuracy)` is called after each strength.
    """
    embeddings, labels = train
    scale = _scale(embeddings)
    mean = embeddings.mean(axis=0)
    scaled = (embeddings - mean) / scale
    regression = LogisticRegression(max_iter=300, tol=1e-3, warm_start=True)
    best, best_loss, worse = None, np.inf, 0
    for tried, strength in enumerate(STRENGTHS, start=1):
        regression.C = strength
        with warnings.catch_warnings():
            # One that has not converged may win like any other: to stop early is to regularise.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(scaled, labels, sample_weight=weights[labels])
        head = _folded(regression, mean, scale)
        losses = head.losses(*validation)
        loss = float(np.average(losses, weights=weights[validation[1]]))
        progress(tried, float((head.probabilities(validation[0]).argmax(axis=1) == validation[1]).mean()))
        if loss < best_loss:
            best, best_loss, worse = head, loss, 0
        else:
            worse += 1
        if best is not None and worse == WORSE:
            break
    if best is None:  # an infinite loss of all
        raise FloatingPointError("no head has a finite loss")
    return best


def _scale(embeddings: Embeddings) -> NDArray[np.float32]:
    """Return what each feature is divided by: the root of its deviation, times a constant that makes the mean energy 1.

    Between one scale for all, under which strong features rule, and one for each, which blows up features that are
    hardly ever on: both gave worse heads.
    """
    deviation = embeddings.std(axis=0)
    typical = float(deviation.mean()) or 1.0
    root = np.sqrt(np.maximum(deviation, 0.05 * typical))
    return np.asarray(root * (np.sqrt(np.mean((deviation / root) ** 2)) or 1.0), np.float32)


def _folded(regression: LogisticRegression, mean: Embeddings, scale: Embeddings) -> Head:
    kernel, bias = regression.coef_.T, regression.intercept_
    if len(bias) == 1:  # scikit-learn has one row of logits for two classes
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.array([-bias[0], bias[0]]) / 2
    kernel = kernel / scale[:, None]
    return Head(np.asarray(kernel, np.float32), np.asarray(bias - mean @ kernel, np.float32))


def two_outputs(backbone: Backbone, head: Head) -> keras.Model:
    """Return the network that ships: pixels in [-1, 1] to `embedding` and `probability` in one go."""
    import keras

    embedding = backbone.model.output
    dense = keras.layers.Dense(head.bias.size, activation="softmax", name="probability")
    probability = dense(embedding)
    dense.set_weights([head.kernel, head.bias])
    # Named, since Keras counts the nameless ones, and the name becomes part of the bytes that ship.
    outputs = {"embedding": embedding, "probability": probability}
    return keras.Model(backbone.model.input, outputs, name="edge_cls")
