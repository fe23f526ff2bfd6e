"""Keras backbones: a frame's pixels in [-1, 1] to an embedding. One of the doors to Keras.

A backbone is a `keras.Model` with one float input, shape (batch, size, size, 3), RGB in [-1, 1], and one float output,
shape (batch, dim).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from edge_cls.builtin import builtin_file
from edge_cls.errors import ModelError

NAMED = {"mobilenet_v2_1.0_224": (1.0, 224)}
"""Backbones of `keras.applications.MobileNetV2` by name: (alpha, size)."""


@dataclass(frozen=True)
class Backbone:
    """A Keras backbone and what it is called in reports and manifests."""

    name: str
    model: keras.Model

    @property
    def size(self) -> int:
        """The side of the square input, in pixels."""
        return int(self.model.input_shape[1])


def load_backbone(spec: str) -> Backbone:
    """Return the backbone that `spec` names.

    `spec` is `builtin`, a name of `NAMED`, a `.keras` file of a whole backbone, or a `.weights.h5` file of
    `keras.applications.MobileNetV2` whose name holds alpha and size (`mobilenet_v2_1.0_224_imagenet.weights.h5`), with
    or without its 1000-class top. Raises ModelError where it cannot be had.
    """
    if spec == "builtin":
        return Backbone("builtin", _load_keras(builtin_file("edge-embed.keras")))
    if spec in NAMED:
        return Backbone(spec, _download(spec))
    path = Path(spec)
    if not path.is_file():
        raise ModelError(
            f"{spec} is neither a file nor a known backbone",
            mend=f"use builtin, {', '.join(NAMED)}, or the path of a .keras or .weights.h5 file",
        )
    if path.name.endswith(".weights.h5"):
        return Backbone(path.name.removesuffix(".weights.h5"), _load_weights(path))
    return Backbone(path.stem, _load_keras(path))


def mobilenet_v2(alpha: float, size: int | None, weights: str | None = None) -> keras.Model:
    """Return MobileNetV2 without its top, its last feature map averaged to one vector of 1280 (or more)."""
    return keras.applications.MobileNetV2(
        input_shape=(size, size, 3), alpha=alpha, include_top=False, weights=weights, pooling="avg"
    )


def resized(backbone: keras.Model, size: int) -> keras.Model:
    """Return `backbone` with another input size: the weights of a fully convolutional network fit any."""
    if backbone.input_shape[1] == size:
        return backbone
    copy = keras.models.clone_model(backbone, input_tensors=keras.Input((size, size, 3)))
    copy.set_weights(backbone.get_weights())
    return copy


def _load_keras(path: Path) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{path} is no Keras model that can be loaded ({error})", mend="save it with model.save('NAME.keras')"
        ) from error
    if isinstance(model.output, dict) and set(model.output) == {"embedding"}:
        model = keras.Model(model.input, model.output["embedding"])  # the model.keras of a distillation
    shapes = (model.input_shape, model.output_shape)
    if not (
        all(isinstance(shape, tuple) for shape in shapes)
        and len(shapes[0]) == 4
        and shapes[0][1] == shapes[0][2]
        and shapes[0][3] == 3
        and len(shapes[1]) == 2
    ):
        raise ModelError(
            f"{path} has the input {shapes[0]} and the output {shapes[1]}, which is no backbone",
            mend="use a model of (batch, size, size, 3) pixels in [-1, 1] to (batch, dim) embeddings",
        )
    return model


def _load_weights(path: Path) -> keras.Model:
    parts = path.name.removeprefix("mobilenet_v2_").split("_")
    try:
        alpha, size = float(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        raise ModelError(
            f"{path.name} does not tell its architecture", mend="name it mobilenet_v2_<alpha>_<size>....weights.h5"
        ) from None
    backbone = mobilenet_v2(alpha, size)
    for top in (True, False):
        whole = keras.applications.MobileNetV2(
            input_shape=(size, size, 3), alpha=alpha, include_top=top, weights=None, classes=1000
        )
        try:
            whole.load_weights(path)
        except (OSError, ValueError, KeyError) as error:
            reason = error
            continue
        # The top, where there is one, is a kernel and a bias at the end.
        backbone.set_weights(whole.get_weights()[:-2] if top else whole.get_weights())
        return backbone
    raise ModelError(
        f"{path} does not fit keras.applications.MobileNetV2(alpha={alpha}) ({reason})",
        mend="use weights that model.save_weights wrote for that network",
    )


def _download(name: str) -> keras.Model:
    alpha, size = NAMED[name]
    try:
        return mobilenet_v2(alpha, size, weights="imagenet")
    except Exception as error:  # keras wraps every failure of its download in a bare Exception
        file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}_no_top.h5"
        raise ModelError(
            f"the ImageNet weights of {name} could not be downloaded ({error})",
            mend=f"place the file {file} into ~/.keras/models/, or give the path of a .weights.h5 file",
        ) from error
