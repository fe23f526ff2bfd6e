"""The network that is trained, and the student that is taken out of it."""

from __future__ import annotations

import keras

from edge_cls_tools.backbones.backbones import mobilenet_v2
from edge_cls_tools.distillation.batch_norm import FusedBatchNormalization
from edge_cls_tools.distillation.muon import PointwiseMuon
from edge_cls_tools.distillation.recipe import Recipe

LOSS = keras.losses.CosineSimilarity()
PEAK_RATE = 1e-2
"""Learning rate after the warm-up; it then decays to 0 along a cosine."""
WARM_UP = 0.03
"""Share of the steps in which the learning rate rises linearly from 0."""
WEIGHT_DECAY = 0.02
BATCH_NORM_MOMENTUM = 0.95
"""Momentum of the moving statistics. keras.applications uses 0.999, which lags behind in trainings as short as ours."""


def trained_network(alpha: float, components: int, steps: int) -> keras.Model:
    """Return the compiled network from uint8 views to `components` targets: the student and a linear projection.

    `steps` is the length of the training, which the learning rate schedule depends on.
    """
    backbone = keras.models.clone_model(mobilenet_v2(alpha, None), clone_function=_with_fused_batch_norm)
    views = keras.Input((None, None, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 127.5, -1.0)(views)
    network = keras.Model(views, keras.layers.Dense(components, name="projection")(backbone(pixels)))
    warm_up = max(1, int(steps * WARM_UP))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=PEAK_RATE, warmup_steps=warm_up
    )
    optimizer = PointwiseMuon(rate, weight_decay=WEIGHT_DECAY, adam_weight_decay=WEIGHT_DECAY)
    network.compile(optimizer, loss=LOSS)
    return network


def _with_fused_batch_norm(layer: keras.Layer) -> keras.Layer:
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        return FusedBatchNormalization.from_config(config | {"momentum": BATCH_NORM_MOMENTUM})
    return type(layer).from_config(config)


def student_network(network: keras.Model, recipe: Recipe) -> keras.Model:
    """Return the backbone of `network` as a plain Keras model with a fixed input size, without the projection."""
    (trained,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    backbone = mobilenet_v2(recipe.alpha, recipe.size)
    backbone.set_weights(trained.get_weights())
    return keras.Model(backbone.input, {"embedding": backbone.output}, name="edge_embed")
