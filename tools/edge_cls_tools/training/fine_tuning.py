"""Fine-tuning: a backbone learns further, on the photos that it is to tell apart.

The head comes first and the backbone follows it, as in Kumar et al., "Fine-Tuning can Distort Pretrained Features and
Underperform Out-of-Distribution", 2022. Batch normalisation keeps the statistics and the scales that it has: those of a
few hundred photos are worse than those of a million, and published weights may have them folded in.
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
"""The side of the photos that views are taken from, as a multiple of the view's: a view of a part is still sharp."""
BATCH = 32
WARM_UP = 0.1
LABEL_SMOOTHING = 0.1
PATIENCE = 5
"""Passes without a better validation loss after which the training stops."""


@dataclass(frozen=True)
class Recipe:
    """What the user chooses. `layers` are those that learn: of the coarsest resolution, or all."""

    layers: Literal["last", "all"]
    epochs: int
    rate: float
    flip: bool = True
    mixed_precision: bool = False
    seed: int = 0

    def contract(self, backbone: Backbone) -> Preprocessing:
        """Return how the training photos are to be preprocessed: MARGIN times larger than `backbone` wants them."""
        side = round(backbone.size * MARGIN)
        return Preprocessing(side, side)


@dataclass(frozen=True, eq=False)
class Photos:
    """What is learnt from: uint8 photos (n, side, side, 3), the class of each, and the weight of each class."""

    pixels: Pixels
    labels: Labels
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Pass:
    """How a pass over the photos went: its number, from 1, and what the float network did on validation."""

    number: int
    loss: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class FineTuned:
    """The float network of the best pass, as backbone and head, and all passes."""

    backbone: Backbone
    head: Head
    passes: Sequence[Pass]


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
    passed: Callable[[Pass], None],
) -> FineTuned:
    """Return `backbone` and `head` after up to `recipe.epochs` passes over `train`: those of the best validation loss.

    `train` is as `recipe.contract` says. After each pass the whole state is saved. With `resume` the training goes on
    from there, and ends, on a processor, with the very weights of one that was never stopped. `report(steps done, of
    how many)` is called after each step, and `passed` after each pass. TensorBoard reads what goes to `logs`.
    """
    keras.utils.set_random_seed(recipe.seed)
    batch = min(BATCH, len(train.labels))
    steps = len(train.labels) // batch
    strategy = distribution.strategy
    with strategy.scope():
        trainer = _trainer(backbone, head, recipe, steps)
        state = _Training(trainer, checkpoint, chief=distribution.chief)
        state.begin(resume=resume)
    # Not Keras's own fit: in Keras 3 it does not run on several machines (keras issue 20585).
    step = tf.function(lambda photos: strategy.run(trainer.train_step, args=(photos,)))
    validate = tf.function(lambda photos: trainer(photos, training=False), reduce_retracing=True)
    with contextlib.ExitStack() as stack:
        if distribution.chief:
            stack.enter_context(tf.summary.create_file_writer(str(logs)).as_default())
        for epoch in range(len(state.passes), recipe.epochs):
            if state.stopped:
                break
            trainer.reset_metrics()
            for i, photos in enumerate(strategy.experimental_distribute_dataset(_batches(train, recipe, batch, epoch))):
                measured = step(photos)
                report(epoch * steps + i + 1, recipe.epochs * steps)
            done = _measured(epoch + 1, validate, validation)
            state.end_pass(done)
            (training_loss, *_) = strategy.experimental_local_results(measured["loss"])
            scalars = {
                "training/loss": training_loss,
                "validation/loss": done.loss,
                "validation/accuracy": done.accuracy,
            }
            for name, value in scalars.items():
                tf.summary.scalar(name, value, step=done.number)
            passed(done)
    restore(trainer.trainable_variables, state.best)
    # Not clone_model, which names the input by a counter: names are part of the bytes that ship.
    tuned = backbone.model.from_config(backbone.model.get_config())
    tuned.set_weights(trainer.get_layer("backbone").get_weights())
    kernel, bias = trainer.get_layer("head").get_weights()
    name = f"{backbone.name}, fine-tuned"
    return FineTuned(Backbone(name, tuned), Head(kernel, bias), state.passes)


class _Training:
    """All that a training is: the weights, the optimizer, the random state, the best weights so far, the passes."""

    def __init__(self, trainer: keras.Model, checkpoint: Checkpoint, *, chief: bool) -> None:
        self.passes: list[Pass] = []
        self.best = values(trainer.trainable_variables)
        self._trainer, self._checkpoint, self._chief = trainer, checkpoint, chief
        trainer.optimizer.build(trainer.trainable_variables)

    def begin(self, *, resume: bool) -> None:
        """Go on from the checkpoint, where there is one. Raises what `Checkpoint.load` raises."""
        state = self._checkpoint.load(resume=resume)
        if state is not None:
            restore(self._variables(), state.groups["variable"])
            self.best = list(state.groups["best"])
            self.passes = [Pass(**done) for done in state.progress["passes"]]

    @property
    def stopped(self) -> bool:
        """Whether there were too many passes without a gain."""
        best = min(self.passes, key=lambda done: done.loss, default=None)
        return best is not None and len(self.passes) - best.number >= PATIENCE

    def end_pass(self, done: Pass) -> None:
        """Add a pass, and save."""
        if done.loss < min((before.loss for before in self.passes), default=np.inf):
            self.best = values(self._trainer.trainable_variables)
        self.passes.append(done)
        state = State(
            {"variable": values(self._variables()), "best": self.best},
            {"passes": [dataclasses.asdict(each) for each in self.passes]},
        )
        if self._chief:
            self._checkpoint.save(state)

    def _variables(self) -> list[keras.Variable]:
        # Those of a network are its weights, the state of its random numbers, and what its metrics count.
        return [*self._trainer.variables, *self._trainer.optimizer.variables]


def _measured(number: int, validate: Callable[[Pixels], Any], photos: Photos) -> Pass:
    """Return how the float network does on validation photos; every worker measures all of them for itself."""
    starts = range(0, len(photos.labels), BATCH)
    given = np.concatenate([np.asarray(validate(photos.pixels[start : start + BATCH])) for start in starts])
    chosen = given[np.arange(len(given)), photos.labels].astype(np.float64)
    weights = photos.weights[photos.labels]
    # As smooth as the loss of the training: certainty is not the aim.
    smooth = (1 - LABEL_SMOOTHING) * np.log(np.maximum(chosen, 1e-7)) + LABEL_SMOOTHING * np.log(
        np.maximum(given.astype(np.float64), 1e-7)
    ).mean(axis=1)
    hits = given.argmax(axis=1) == photos.labels
    return Pass(number, -float(np.average(smooth, weights=weights)), float(np.average(hits, weights=weights)))


def _trainer(backbone: Backbone, head: Head, recipe: Recipe, steps: int) -> keras.Model:
    policy = "mixed_bfloat16" if recipe.mixed_precision else "float32"
    network = keras.models.clone_model(backbone.model, clone_function=lambda layer: _of_policy(layer, policy))
    network.set_weights(backbone.model.get_weights())
    network.name = "backbone"
    _set_trainable(network, recipe.layers)
    dense = keras.layers.Dense(len(head.bias), activation="softmax", name="head", dtype="float32")
    photos = keras.Input((None, None, 3), dtype="uint8")
    pixels = CameraViews(backbone.size, flip=recipe.flip, seed=recipe.seed, name="views")(photos)
    trainer = keras.Model(photos, dense(network(pixels)))
    dense.set_weights([head.kernel, head.bias])
    total = steps * recipe.epochs
    warm_up = max(1, int(total * WARM_UP))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warm_up), warmup_target=recipe.rate, warmup_steps=warm_up
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    trainer.compile(keras.optimizers.Adam(rate), loss=loss)
    return trainer


def _of_policy(layer: keras.Layer, policy: str) -> keras.Layer:
    return type(layer).from_config(layer.get_config() | {"dtype": policy})


def _set_trainable(network: keras.Model, which: str) -> None:
    """Let the layers of `network` that `which` names learn, but no batch normalisation."""
    layers = list(_layers(network))
    coarsest = min((_side(layer) for layer in layers if _side(layer)), default=0)
    for layer in layers:
        learns = which == "all" or _side(layer) in (0, coarsest)
        layer.trainable = learns and not isinstance(layer, keras.layers.BatchNormalization)


def _layers(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            layer.trainable = True
            yield from _layers(layer)
        else:
            yield layer


def _side(layer: keras.Layer) -> int:
    """Return the side of the feature map that `layer` gives; 0 for vectors."""
    shape: tuple[int | None, ...] = layer.output.shape
    return (shape[1] or 0) if len(shape) == 4 else 0


def _batches(photos: Photos, recipe: Recipe, batch: int, epoch: int) -> tf.data.Dataset:
    """Return the batches of a pass, which is in an order of its own."""
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(photos.labels))
    shape = (None, *photos.pixels.shape[1:])
    targets = np.eye(len(photos.weights), dtype=np.float32)

    def read(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # The photos may lie in a file that is larger than the memory.
        pixels = tf.ensure_shape(tf.numpy_function(lambda rows: photos.pixels[rows], [indices], tf.uint8), shape)
        labels = tf.gather(photos.labels, indices)
        return pixels, tf.gather(targets, labels), tf.gather(np.float32(photos.weights), labels)

    return tf.data.Dataset.from_tensor_slices(order).batch(batch, drop_remainder=True).map(read).prefetch(2)
