"""Distillation: a small backbone is trained, from random weights, to reproduce the embeddings of a large one.

The student gets the same view as the teacher and learns the direction of its embedding: the square root of the
teacher's pooled features (they are sparse and heavy-tailed), centred, projected onto the leading principal components
and scaled to unit length. The loss is 1 - cosine after a linear layer that is discarded after the training: the pooled
features before it are the better embedding. (Consistent teaching: Beyer et al., "Knowledge distillation: A good teacher
is patient and consistent", 2022.) The resolution grows during the training (Howard, fast.ai DAWNBench, 2018; Tan and
Le, "EfficientNetV2", 2021). The student has the running mean of the weights (Polyak averaging), batch statistics
included.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.distillation.held_out import Epoch, HeldOutCheck
from edge_cls_tools.distillation.network import student_network, trained_network
from edge_cls_tools.distillation.recipe import Recipe
from edge_cls_tools.distillation.targets import principal_targets
from edge_cls_tools.distillation.training_state import Progress, TrainingState
from edge_cls_tools.distillation.view_batches import ViewBatches
from edge_cls_tools.distillation.view_cache import ViewCache
from edge_cls_tools.run_directory import CHECKPOINT
from edge_cls_tools.training.checkpoint import Checkpoint

BATCH_SIZE = 256
HELD_OUT = 0.02
"""Share of the photos that are held out of the training."""
SAVE_EVERY = 200
"""Steps between two checkpoints."""


@dataclass(frozen=True, eq=False)
class Distilled:
    """The student, the results of its epochs, and the indices of the training views and of the held-out views."""

    student: keras.Model
    epochs: Sequence[Epoch]
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


def distill(
    cache: ViewCache,
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool,
    report: Callable[[Progress], None],
    epoch_done: Callable[[Epoch], None],
    batch_size: int = BATCH_SIZE,
    save_every: int = SAVE_EVERY,
) -> Distilled:
    """Return the student: a backbone with an input of `recipe.size` pixels and the output `embedding`.

    The whole state is saved in `folder` every `save_every` steps and after each epoch. If `resume` is set, the training
    continues from the checkpoint and, on a CPU, ends with exactly the weights of an uninterrupted training. `report` is
    called after each step, `epoch_done` after each epoch. Raises ConfigError if the checkpoint in `folder` belongs to
    another recipe or other views, or if there is a checkpoint and `resume` is not set.
    """
    keras.utils.set_random_seed(recipe.seed)
    targets = principal_targets(cache.embeddings, recipe.seed)
    held_out = max(1, int(cache.photos * HELD_OUT))
    photo = np.arange(len(targets)) % cache.photos
    training, validation = np.flatnonzero(photo >= held_out), np.flatnonzero(photo < held_out)
    steps = max(1, len(training) // batch_size)
    network = trained_network(recipe.alpha, targets.shape[1], steps * recipe.epochs)
    check = HeldOutCheck(cache, targets, validation, network, seed=recipe.seed, batch_size=batch_size)
    state = TrainingState(
        network,
        Checkpoint(folder / CHECKPOINT, dataclasses.asdict(recipe) | {"views": cache.digest}),
        steps=steps,
        epochs=recipe.epochs,
        batch_size=batch_size,
        save_every=save_every,
        report=report,
    )
    state.begin(resume=resume)
    for index in range(state.step // steps, recipe.epochs):
        order = np.random.default_rng([recipe.seed, index]).permutation(training)[: steps * batch_size]
        rest = order[state.step % steps * batch_size :]
        size = recipe.sizes[index]
        views = ViewBatches(cache, targets, rest, size, batch_size)
        network.fit(views, callbacks=[state], shuffle=False, verbose=0)
        with state.averaged():
            epoch = check.measure(index + 1, size)
        state.end_epoch(epoch)
        epoch_done(epoch)
    with state.averaged():
        student = student_network(network, recipe)
    return Distilled(student, state.epochs, training, validation)
