"""Transfer learning: a linear head on the embeddings of a frozen backbone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.backbones import Backbone
from edge_cls_tools.embeddings import Embeddings

PATIENCE = 15
"""Epochs without a better validation loss after which training stops."""
BATCH = 32
RATE = 1e-3
L2 = 1e-2


@dataclass(frozen=True)
class Head:
    """A linear classifier: logits = embedding @ kernel + bias, with kernel (dim, classes) and bias (classes,)."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    epochs: int

    def probabilities(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Return the class probabilities, float32 (n, classes)."""
        logits = embeddings @ self.kernel + self.bias
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


class _Report(keras.callbacks.Callback):
    def __init__(self, progress: Callable[[int, float], None]) -> None:
        super().__init__()
        self._progress = progress

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._progress(epoch + 1, float((logs or {})["val_accuracy"]))


def train_head(
    train: tuple[Embeddings, NDArray[np.int64]],
    validation: tuple[Embeddings, NDArray[np.int64]],
    classes: int,
    *,
    epochs: int,
    seed: int,
    progress: Callable[[int, float], None],
) -> Head:
    """Return the head with the lowest validation loss, after at most `epochs` passes.

    `train` and `validation` are embeddings and the class of each; `progress(epoch, validation accuracy)` is called
    after each epoch. The same seed gives the same head.
    """
    keras.utils.set_random_seed(seed)
    embeddings, labels = train
    # One scale for all features: a feature that is hardly ever on is not blown up to the size of the others.
    mean, scale = embeddings.mean(axis=0), float(embeddings.std()) or 1.0
    network = keras.Sequential(
        [
            keras.Input((embeddings.shape[1],)),
            # From zero: random weights on 1280 features would be noise that a short training never removes.
            keras.layers.Dense(
                classes,
                activation="softmax",
                kernel_initializer="zeros",
                kernel_regularizer=keras.regularizers.L2(L2),
                name="head",
            ),
        ]
    )
    network.compile(keras.optimizers.Adam(RATE), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    history = network.fit(
        (embeddings - mean) / scale,
        labels,
        validation_data=((validation[0] - mean) / scale, validation[1]),
        batch_size=BATCH,
        epochs=epochs,
        callbacks=[stopping, _Report(progress)],
        verbose=0,
    )
    kernel, bias = network.get_layer("head").get_weights()
    kernel = kernel / scale
    return Head(
        np.asarray(kernel, np.float32), np.asarray(bias - mean @ kernel, np.float32), len(history.history["loss"])
    )


def two_outputs(backbone: Backbone, head: Head) -> keras.Model:
    """Return the network that ships: pixels in [-1, 1] to `embedding` and `probability` in one go."""
    embedding = backbone.model.output
    dense = keras.layers.Dense(head.bias.size, activation="softmax", name="probability")
    probability = dense(embedding)
    dense.set_weights([head.kernel, head.bias])
    # Named, since Keras counts the nameless ones, and the name becomes part of the bytes that ship.
    outputs = {"embedding": embedding, "probability": probability}
    return keras.Model(backbone.model.input, outputs, name="edge_cls")
