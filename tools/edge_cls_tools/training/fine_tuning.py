"""Fine-tuning: the backbone is trained further on the photos of the classifier.

The head is fitted first and the backbone is fine-tuned from there, as in Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", 2022. Batch normalisation layers stay frozen: statistics of a
few hundred photos are worse than those of a million, and in published weights they may be folded in.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls_tools.backbones.backbones import Backbone
from edge_cls_tools.io.batches import Pixels
from edge_cls_tools.training.augmentation import CameraViews
from edge_cls_tools.training.checkpoint import Checkpoint, State, restore, values
from edge_cls_tools.training.distribution import Distribution
from edge_cls_tools.training.head import Head, Labels

MARGIN = 1.15
"""Side of the stored photos as a multiple of the input size, so that a crop is still sharp."""
BATCH_SIZE = 32
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises linearly from 0."""
LABEL_SMOOTHING = 0.1
PATIENCE = 5
"""Early stopping: the training ends after this many epochs without a lower validation loss."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a fine-tuning. `layers`: "last" trains the layers of the coarsest resolution, "all" all.

    `rate` is the peak learning rate, `epochs` the maximum number of epochs, `flip` allows mirrored photos.
    """

    layers: Literal["last", "all"]
    epochs: int
    rate: float
    flip: bool = True
    mixed_precision: bool = False
    seed: int = 0

    def contract(self, backbone: Backbone) -> Preprocessing:
        """Return the preprocessing of the training photos: MARGIN times as large as the input of `backbone`."""
        side = round(backbone.size * MARGIN)
        return Preprocessing(side, side)


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos, uint8 (n, side, side, 3), their labels (n,), and the weight of a photo of each class, (classes,)."""

    pixels: Pixels
    labels: Labels
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch: its number, from 1, and the validation loss and accuracy of the float network."""

    number: int
    loss: float
    accuracy: float


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
        network = _trained_network(backbone, head, recipe, steps)
        state = _TrainingState(network, checkpoint, chief=distribution.chief)
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


class _TrainingState:
    """Everything a checkpoint holds: weights, optimizer, random state, the best weights so far, the epochs done."""

    def __init__(self, network: keras.Model, checkpoint: Checkpoint, *, chief: bool) -> None:
        self.epochs: list[Epoch] = []
        self.best = values(network.trainable_variables)
        self._network, self._checkpoint, self._chief = network, checkpoint, chief
        network.optimizer.build(network.trainable_variables)

    def begin(self, *, resume: bool) -> None:
        """Restore the checkpoint, if there is one. Raises ConfigError like `Checkpoint.load`."""
        state = self._checkpoint.load(resume=resume)
        if state is not None:
            restore(self._variables(), state.groups["variable"])
            self.best = list(state.groups["best"])
            self.epochs = [Epoch(**epoch) for epoch in state.progress["passes"]]

    @property
    def stopped(self) -> bool:
        """Whether the validation loss has not fallen for PATIENCE epochs (early stopping)."""
        best = min(self.epochs, key=lambda epoch: epoch.loss, default=None)
        return best is not None and len(self.epochs) - best.number >= PATIENCE

    def end_epoch(self, epoch: Epoch) -> None:
        """Append the result of an epoch, and save a checkpoint if this process is the chief."""
        if epoch.loss < min((earlier.loss for earlier in self.epochs), default=np.inf):
            self.best = values(self._network.trainable_variables)
        self.epochs.append(epoch)
        state = State(
            {"variable": values(self._variables()), "best": self.best},
            {"passes": [dataclasses.asdict(each) for each in self.epochs]},
        )
        if self._chief:
            self._checkpoint.save(state)

    def _variables(self) -> list[keras.Variable]:
        # The variables of a network include the state of its random generators and of its metrics.
        return [*self._network.variables, *self._network.optimizer.variables]


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


def _trained_network(backbone: Backbone, head: Head, recipe: Recipe, steps: int) -> keras.Model:
    """Return the compiled network from uint8 photos to probabilities: augmentation, backbone and head."""
    policy = "mixed_bfloat16" if recipe.mixed_precision else "float32"
    tuned = keras.models.clone_model(backbone.model, clone_function=lambda layer: _with_policy(layer, policy))
    tuned.set_weights(backbone.model.get_weights())
    tuned.name = "backbone"
    _set_trainable(tuned, recipe.layers)
    dense = keras.layers.Dense(len(head.bias), activation="softmax", name="head", dtype="float32")
    photos = keras.Input((None, None, 3), dtype="uint8")
    pixels = CameraViews(backbone.size, flip=recipe.flip, seed=recipe.seed, name="views")(photos)
    network = keras.Model(photos, dense(tuned(pixels)))
    dense.set_weights([head.kernel, head.bias])
    total = steps * recipe.epochs
    warm_up = max(1, int(total * WARM_UP))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warm_up), warmup_target=recipe.rate, warmup_steps=warm_up
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    network.compile(keras.optimizers.Adam(rate), loss=loss)
    return network


def _with_policy(layer: keras.Layer, policy: str) -> keras.Layer:
    return type(layer).from_config(layer.get_config() | {"dtype": policy})


def _set_trainable(network: keras.Model, which: str) -> None:
    """Set which layers of `network` are trained, "last" or "all"; batch normalisation never is."""
    layers = list(_layers(network))
    coarsest = min((_side(layer) for layer in layers if _side(layer)), default=0)
    for layer in layers:
        trained = which == "all" or _side(layer) in (0, coarsest)
        layer.trainable = trained and not isinstance(layer, keras.layers.BatchNormalization)


def _layers(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            layer.trainable = True
            yield from _layers(layer)
        else:
            yield layer


def _side(layer: keras.Layer) -> int:
    """Return the side of the feature map that `layer` outputs; 0 for vectors."""
    shape: tuple[int | None, ...] = layer.output.shape
    return (shape[1] or 0) if len(shape) == 4 else 0


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
