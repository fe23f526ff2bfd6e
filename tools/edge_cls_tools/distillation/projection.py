"""The projection of a student that is already trained, in closed form."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.distillation.view_batches import ViewBatches
from edge_cls_tools.distillation.view_cache import ViewCache

VIEWS = 4_000
"""Maximum number of views that the projection is fitted on."""
RIDGE = 1e-2
"""Regularisation, as a share of the mean variance of the embedding."""


def fit_projection(
    network: keras.Model, cache: ViewCache, targets: NDArray[np.float32], training: NDArray[np.int64], size: int
) -> None:
    """Set the projection of `network` to the ridge regression from the student's embeddings to `targets`.

    With a random projection, the first steps would change a trained student more than all others. `training` are the
    indices of the training views, `size` is their input size in pixels.
    """
    chosen = np.sort(training[:: max(1, len(training) // VIEWS)])
    views = ViewBatches(cache, targets, chosen, size, batch_size=100)
    embeddings = keras.Model(network.input, network.layers[-1].input).predict(views, verbose=0).astype(np.float64)
    mean, target_mean = embeddings.mean(axis=0), targets[chosen].mean(axis=0)
    centred = embeddings - mean
    covariance = centred.T @ centred / len(chosen)
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    kernel = np.linalg.solve(covariance, centred.T @ (targets[chosen] - target_mean) / len(chosen))
    network.layers[-1].set_weights([kernel, target_mean - mean @ kernel])
