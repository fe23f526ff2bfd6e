"""The network that is fine-tuned: augmentation, backbone and head."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from edge_cls_tools.backbones.backbones import Backbone
from edge_cls_tools.linear_head import Head
from edge_cls_tools.training.augmentation import CameraViews
from edge_cls_tools.training.recipe import Recipe

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises linearly from 0."""
LABEL_SMOOTHING = 0.1


def trained_network(backbone: Backbone, head: Head, recipe: Recipe, steps: int) -> keras.Model:
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
