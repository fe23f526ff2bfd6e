"""Fine-tuning: the backbone is trained further on the photos of the classifier.

The head is fitted first and the backbone is fine-tuned from there, as in Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", 2022. Batch normalisation layers stay frozen: statistics of a
few hundred photos are worse than those of a million, and in published weights they may be folded in.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_cls_tools.backbones.backbones import Backbone
from edge_cls_tools.io.batches import Pixels
from edge_cls_tools.linear_head import Head, Labels
from edge_cls_tools.training.checkpoint import Checkpoint, restore
from edge_cls_tools.training.distribution import Distribution
from edge_cls_tools.training.network import LABEL_SMOOTHING, trained_network
from edge_cls_tools.training.recipe import Recipe
from edge_cls_tools.training.training_state import Epoch, TrainingState

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos, uint8 (n, side, side, 3), their labels (n,), and the weight of a photo of each class, (classes,)."""

    pixels: Pixels
    labels: Labels
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FineTuned:
    """Float backbone and head of the epoch with the lowest validation loss, and the results of all epochs."""

    backbone: Backbone
    head: Head
    epochs: Sequence[Epoch]


def fine_tune(
    backbone: Backbone,
    head: Head,
    train: Photos,
    validation: Photos,
    recipe: Recipe,
    checkpoint: Checkpoint,
    *,
    resume: bool,
    distribution: Distribution,
    logs: Path,
    report: Callable[[int, int], None],
    epoch_done: Callable[[Epoch], None],
) -> FineTuned:
    """Return `backbone` and `head` after up to `recipe.epochs` epochs, from the epoch with the lowest validation loss.

    The photos of `train` are preprocessed by `recipe.contract`, those of `validation` by the contract of `backbone`.
    The whole state is saved after each epoch. If `resume` is set, the training continues from there and, on a CPU, ends
    with exactly the weights of an uninterrupted training. `report(steps done, total steps)` is called after each step,
    `epoch_done` after each epoch. TensorBoard event files are written to `logs`. Raises ConfigError like
    `Checkpoint.load`.
    """
    keras.utils.set_random_seed(recipe.seed)
    batch_size = min(BATCH_SIZE, len(train.labels))
    steps = len(train.labels) // batch_size
    strategy = distribution.strategy
    with strategy.scope():
        network = trained_network(backbone, head, recipe, steps)
        state = TrainingState(network, checkpoint, chief=distribution.chief)
        state.begin(resume=resume)
    # Not Keras's own `fit`, which in Keras 3 does not run on several machines (keras issue 20585).
    step = tf.function(lambda photos: strategy.run(network.train_step, args=(photos,)))
    validate = tf.function(lambda photos: network(photos, training=False), reduce_retracing=True)
    with contextlib.ExitStack() as stack:
        if distribution.chief:
            stack.enter_context(tf.summary.create_file_writer(str(logs)).as_default())
        for index in range(len(state.epochs), recipe.epochs):
            if state.stopped:
                break
            network.reset_metrics()
            batches = _batches(train, recipe, batch_size, index)
            for i, photos in enumerate(strategy.experimental_distribute_dataset(batches)):
                measured = step(photos)
                report(index * steps + i + 1, recipe.epochs * steps)
            epoch = _validate(index + 1, validate, validation)
            state.end_epoch(epoch)
            (training_loss, *_) = strategy.experimental_local_results(measured["loss"])
            scalars = {
                "training/loss": training_loss,
                "validation/loss": epoch.loss,
                "validation/accuracy": epoch.accuracy,
            }
            for name, value in scalars.items():
                tf.summary.scalar(name, value, step=epoch.number)
            epoch_done(epoch)
    restore(network.trainable_variables, state.best)
    # Not clone_model, which numbers the name of the input: names are part of the model file.
    tuned = backbone.model.from_config(backbone.model.get_config())
    tuned.set_weights(network.get_layer("backbone").get_weights())
    kernel, bias = network.get_layer("head").get_weights()
    name = f"{backbone.name}, fine-tuned"
    return FineTuned(Backbone(name, tuned), Head(kernel, bias), state.epochs)


def _validate(number: int, predict: Callable[[Pixels], Any], photos: Photos) -> Epoch:
    """Return the metrics of the float network on the validation photos; every worker measures all of them."""
    starts = range(0, len(photos.labels), BATCH_SIZE)
    batches = [photos.pixels[start : start + BATCH_SIZE] for start in starts]
    predicted = np.concatenate([np.asarray(predict(pixels)) for pixels in batches])
    chosen = predicted[np.arange(len(predicted)), photos.labels].astype(np.float64)
    weights = photos.weights[photos.labels]
    # The same label smoothing as in the training loss.
    smooth = (1 - LABEL_SMOOTHING) * np.log(np.maximum(chosen, 1e-7)) + LABEL_SMOOTHING * np.log(
        np.maximum(predicted.astype(np.float64), 1e-7)
    ).mean(axis=1)
    hits = predicted.argmax(axis=1) == photos.labels
    return Epoch(number, -float(np.average(smooth, weights=weights)), float(np.average(hits, weights=weights)))


def _batches(photos: Photos, recipe: Recipe, batch_size: int, epoch: int) -> tf.data.Dataset:
    """Return the batches of an epoch, shuffled by the seed and the number of the epoch."""
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(photos.labels))
    shape = (None, *photos.pixels.shape[1:])
    targets = np.eye(len(photos.weights), dtype=np.float32)

    def read(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # The photos may be in a memory-mapped file that is larger than the RAM.
        pixels = tf.ensure_shape(tf.numpy_function(lambda rows: photos.pixels[rows], [indices], tf.uint8), shape)
        labels = tf.gather(photos.labels, indices)
        return pixels, tf.gather(targets, labels), tf.gather(np.float32(photos.weights), labels)

    return tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True).map(read).prefetch(2)
