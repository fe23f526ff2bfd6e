"""Keras backbones, which compute an embedding from pixels in [-1, 1]. One of the doors to Keras.

A backbone is a `keras.Model` with one float input, shape (batch, size, size, 3), RGB in [-1, 1], and one float output,
shape (batch, dim).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import rich.progress
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.lite0.weights import read_weights, weights_path
from edge_cls.model.names import BUILTIN, LITE0, NAMES, actual_name
from edge_cls_tools.backbones.download import Progress, silent
from edge_cls_tools.backbones.keras_file import load_keras
from edge_cls_tools.backbones.lite0_keras import lite0_network
from edge_cls_tools.backbones.registry import Built, KerasWeights, KnownModel, Shipped, known_models
from edge_cls_tools.backbones.store import fetch
from edge_cls_tools.io.batches import Pixels, normalize


@dataclass(frozen=True)
class Backbone:
    """A Keras backbone and its name in reports and manifests."""

    name: str
    model: keras.Model

    @property
    def size(self) -> int:
        """The side of the square input, in pixels."""
        return int(self.model.input_shape[1])

    @property
    def contract(self) -> Preprocessing:
        """The preprocessing that it expects."""
        return Preprocessing(self.size, self.size)

    def fingerprint(self) -> str:
        """Return the SHA-256, in hexadecimal, of architecture and weights."""
        digest = hashlib.sha256(self.model.to_json().encode())
        for weights in self.model.get_weights():
            digest.update(np.ascontiguousarray(weights).tobytes())
        return digest.hexdigest()

    def embed(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the embeddings, float32 (n, dim), of `pixels`, uint8 (n, size, size, 3)."""
        return np.asarray(self.model.predict_on_batch(normalize(pixels)), np.float32)


def load_backbone(spec: str, progress: Progress = silent) -> Backbone:
    """Return the Keras network of the backbone `spec`, which fine-tuning and distillation need.

    It is fetched if it is not on this machine yet; `progress` is called with the bytes. `spec` is a name in
    `models/registry.toml`, a `.keras` file of a whole backbone, or a `.weights.h5` file of
    `keras.applications.MobileNetV2` whose name has alpha and size (`mobilenet_v2_1.0_224_imagenet.weights.h5`), with or
    without its 1000-class top. Raises ModelError if it is not a backbone of Keras, MissingDependency if the weights of
    EfficientNet-Lite0 are not installed, and the errors of `store.fetch`.
    """
    if spec == BUILTIN:
        return Backbone(BUILTIN, _load_keras(builtin_file("edge-embed.keras")))
    if spec in NAMES:
        name = actual_name(spec)
        return Backbone(name, lite0_network(read_weights(weights_path()), LITE0[name]))
    models = known_models()
    if isinstance(model := models.get(spec), KerasWeights):
        return Backbone(spec, _load_published(model, fetch(model, progress).path))
    if model is not None:
        raise ModelError(
            f"{spec} has no Keras network to fine-tune or to distill",
            hint=f"leave it frozen (--fine-tune none), or use {_with_network(models)}, or the path of a .keras or "
            ".weights.h5 file",
        )
    path = Path(spec)
    if not path.is_file():
        raise ModelError(
            f"{spec} is neither a file nor a known backbone",
            hint=f"use {_with_network(models)}, or the path of a .keras or .weights.h5 file",
        )
    if path.name.endswith(".weights.h5"):
        return Backbone(path.name.removesuffix(".weights.h5"), _load_weights(path))
    return Backbone(path.stem, _load_keras(path))


def load_backbone_shown(spec: str, display: rich.progress.Progress) -> Backbone:
    """Return the backbone `spec` as `load_backbone` does, with the progress of a download on `display`."""
    task = display.add_task("backbone", total=None, note="")
    backbone = load_backbone(spec, lambda done, total: display.update(task, completed=done, total=total, note="bytes"))
    display.remove_task(task)
    return backbone


def mobilenet_v2(alpha: float, size: int | None) -> keras.Model:
    """Return MobileNetV2 with random weights and without its top: the last feature map is averaged to one vector."""
    return keras.applications.MobileNetV2(
        input_shape=(size, size, 3), alpha=alpha, include_top=False, weights=None, pooling="avg"
    )


def resized(backbone: keras.Model, size: int) -> keras.Model:
    """Return `backbone` with another input size; the weights of a fully convolutional network fit any size."""
    if backbone.input_shape[1] == size:
        return backbone
    copy = keras.models.clone_model(backbone, input_tensors=keras.Input((size, size, 3)))
    copy.set_weights(backbone.get_weights())
    return copy


def _load_keras(path: Path) -> keras.Model:
    model = load_keras(path, hint="save it with model.save('NAME.keras')")
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
            f"{path} is not a backbone: its input is {shapes[0]}, its output {shapes[1]}",
            hint="use a model of (batch, size, size, 3) pixels in [-1, 1] to (batch, dim) embeddings",
        )
    return model


def _load_weights(path: Path) -> keras.Model:
    parts = path.name.removeprefix("mobilenet_v2_").split("_")
    try:
        alpha, size = float(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        raise ModelError(
            f"the name {path.name} does not contain its architecture",
            hint="name it mobilenet_v2_<alpha>_<size>....weights.h5",
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
        # The top, if there is one, is a kernel and a bias at the end.
        backbone.set_weights(whole.get_weights()[:-2] if top else whole.get_weights())
        return backbone
    raise ModelError(
        f"{path} does not fit keras.applications.MobileNetV2(alpha={alpha}) ({reason})",
        hint="use weights written by model.save_weights of that network",
    )


def _load_published(model: KerasWeights, weights: Path) -> keras.Model:
    # Only MobileNetV3 has a layer that scales 0..255 to [-1, 1]; our frames have that range already.
    without = {"include_preprocessing": False} if model.network.startswith("MobileNetV3") else {}
    try:
        return getattr(keras.applications, model.network)(
            input_shape=(model.input_size, model.input_size, 3),
            alpha=model.alpha,
            include_top=False,
            weights=str(weights),
            pooling="avg",
            **without,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{weights} does not fit keras.applications.{model.network} ({error})",
            hint=f"delete it, and run 'edge-cls models fetch {model.name}'",
        ) from error


def _with_network(models: dict[str, KnownModel]) -> str:
    return ", ".join(name for name, model in models.items() if isinstance(model, Shipped | Built | KerasWeights))
