"""The teacher of a distillation, which turns the pixels of a view into the embedding that the student reproduces."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from rich.progress import Progress

from edge_cls.model.lite0.weights import read_weights, weights_path
from edge_cls.model.names import LITE0
from edge_cls_tools.backbones.backbones import load_backbone_shown, resized
from edge_cls_tools.distillation.view_cache import LiteTeacher
from edge_cls_tools.quantization.lite0 import float_network, normalized

KERAS_SIZE = 160
"""Default size of the input of a Keras teacher, in pixels."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """A name for the manifest, and the network: LiteRT is the fastest on a CPU; an accelerator needs Keras."""

    name: str
    network: LiteTeacher | keras.Model


def load_teacher(spec: str, size: int | None, display: Progress) -> Teacher:
    """Return the teacher `spec` for an input of `size` x `size` pixels; its own, or KERAS_SIZE, if `size` is None.

    `spec` is the name of an EfficientNet-Lite0 (`lite0-224`) or a backbone as `load_backbone` takes it. Raises
    MissingDependency if the weights of EfficientNet-Lite0 are not installed, and the errors of `load_backbone`.
    """
    if spec in LITE0:
        network = float_network(read_weights(weights_path()), size or LITE0[spec])
        return Teacher(spec, LiteTeacher(network, normalized))
    backbone = load_backbone_shown(spec, display)
    return Teacher(backbone.name, _fastest(resized(backbone.model, size or KERAS_SIZE)))


def _fastest(teacher: keras.Model) -> LiteTeacher | keras.Model:
    """Return the teacher as a LiteRT model if it runs on the CPU, which is several times as fast as Keras."""
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return teacher
    from edge_cls_tools.quantization.converter import to_float

    return LiteTeacher(to_float(teacher))
