"""The number of epochs that fit into a time limit: a learning rate that has not decayed yet is of little use."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from edge_cls.errors import ConfigError
from edge_cls_tools.distillation.network import trained_network
from edge_cls_tools.distillation.recipe import Recipe
from edge_cls_tools.distillation.targets import COMPONENTS
from edge_cls_tools.distillation.view_batches import ViewBatches
from edge_cls_tools.distillation.view_cache import ViewCache

TRIAL_STEPS = 5
"""Steps that are timed at each input size, after the first, which compiles the network."""
SPARE = 1.1
"""The estimate is raised by this factor: for the checks after the epochs, and for steps slower than the trial's."""
MAX_EPOCHS = 300
"""Largest number of epochs that is chosen."""


def fitting_epochs(cache: ViewCache, recipe: Recipe, seconds: float, *, batch_size: int) -> int:
    """Return the largest number of epochs of `recipe` that fit into `seconds`, which include the trial for it.

    A few steps of a network that is discarded are timed at each input size. Raises ConfigError if not even one fits.
    """
    begun = time.monotonic()
    network = trained_network(recipe.alpha, COMPONENTS, 1)
    indices = np.resize(np.arange(len(cache.views)), (1 + TRIAL_STEPS) * batch_size)
    targets = np.ones((len(cache.views), COMPONENTS), np.float32)
    compiling, step = 0.0, {}
    for size in set(replace(recipe, epochs=MAX_EPOCHS).sizes):
        start = time.monotonic()
        network.fit(ViewBatches(cache, targets, indices[:batch_size], size, batch_size), shuffle=False, verbose=0)
        compiled = time.monotonic()
        network.fit(ViewBatches(cache, targets, indices[batch_size:], size, batch_size), shuffle=False, verbose=0)
        compiling += compiled - start
        step[size] = (time.monotonic() - compiled) / TRIAL_STEPS
    steps = len(cache.views) / batch_size
    left = seconds - (time.monotonic() - begun) - compiling
    epochs = longest(recipe, {size: SPARE * steps * time_ for size, time_ in step.items()}, left)
    if not epochs:
        epoch = SPARE * steps * step[replace(recipe, epochs=1).sizes[0]]
        raise ConfigError(
            f"one epoch over {len(cache.views)} views does not fit into {seconds / 60:.1f} minutes: it takes "
            f"{epoch / 60:.1f}, and compiling the network {2 * compiling / 60:.1f}",
            hint="allow more --minutes, or use fewer --views",
        )
    return epochs


def longest(recipe: Recipe, epoch_seconds: dict[int, float], seconds: float) -> int:
    """Return how many epochs fit into `seconds`, given the seconds of an epoch at each input size; 0 if none do."""
    fitting = 0
    for epochs in range(1, MAX_EPOCHS + 1):
        if sum(epoch_seconds[size] for size in replace(recipe, epochs=epochs).sizes) <= seconds:
            fitting = epochs
    return fitting
