"""The layers of EfficientNet-Lite0, and their weights with batch normalisation folded in.

M. Tan and R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020: EfficientNet-B0 (Tan and Le, 2019)
without squeeze-and-excitation, and with ReLU6. It is made of the inverted residual blocks of MobileNetV2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import ModelError
from edge_cls.model.lite0.weights import PACKAGE, Tensors

INPUT = "image"
OUTPUT = "embedding"
EMBEDDING = 1280
"""Numbers of the embedding."""
MEAN, STD = 127.0, 128.0
"""The network was trained on (byte - MEAN) / STD."""
_STEM = 32
"""Channels of the first convolution."""
_STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
           (1, 3, 1, 6, 320))  # fmt: skip
"""Blocks, kernel, stride of the first block, factor of the expansion, and output channels of each stage."""
EPSILON = 1e-3
"""Added to the variance by batch normalisation."""


@dataclass(frozen=True)
class Layer:
    """One operator of the network, named like its output.

    `inputs` are the names of its inputs, `channels` those of its output, and `kernel` the side of the kernel. The
    padding is TensorFlow's SAME. `weights` and `norm` are the names of its kernel and its batch normalisation in the
    file of weights. If `relu6` is true, the output is clipped to [0, 6].
    """

    name: str
    kind: Literal["convolution", "depthwise", "add", "mean"]
    inputs: tuple[str, ...]
    channels: int
    kernel: int = 1
    stride: int = 1
    relu6: bool = False
    weights: str = ""
    norm: str = ""

    @property
    def convolves(self) -> bool:
        """Whether it has a kernel and a bias."""
        return self.kind in ("convolution", "depthwise")


def _layers() -> Iterator[Layer]:
    yield Layer("stem", "convolution", (INPUT,), _STEM, 3, 2, relu6=True, weights="_conv_stem.weight", norm="_bn0")
    source, channels, number = "stem", _STEM, 0
    for blocks, kernel, first_stride, factor, outputs in _STAGES:
        for stride in (first_stride, *[1] * (blocks - 1)):
            name, prefix = f"block{number}", f"_blocks.{number}."
            inner = source
            if factor > 1:
                inner = f"{name}/expand"
                yield Layer(inner, "convolution", (source,), channels * factor, relu6=True,
                            weights=f"{prefix}_expand_conv.weight", norm=f"{prefix}_bn0")  # fmt: skip
            yield Layer(f"{name}/depthwise", "depthwise", (inner,), channels * factor, kernel, stride, relu6=True,
                        weights=f"{prefix}_depthwise_conv.weight", norm=f"{prefix}_bn1")  # fmt: skip
            yield Layer(f"{name}/project", "convolution", (f"{name}/depthwise",), outputs,
                        weights=f"{prefix}_project_conv.weight", norm=f"{prefix}_bn2")  # fmt: skip
            result = f"{name}/project"
            if stride == 1 and channels == outputs:
                yield Layer(f"{name}/add", "add", (result, source), outputs)
                result = f"{name}/add"
            source, channels, number = result, outputs, number + 1
    yield Layer("head", "convolution", (source,), EMBEDDING, relu6=True, weights="_conv_head.weight", norm="_bn1")
    yield Layer(OUTPUT, "mean", ("head",), EMBEDDING)


LAYERS = tuple(_layers())
"""The layers in the order of execution: 49 convolutions, 9 additions, and the mean over the last map."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """The weights of a convolution and of its batch normalisation, float64.

    `kernel` is (outputs, inputs, height, width), and (channels, 1, height, width) if it is depthwise; the others are
    (outputs,): gamma and beta of the normalisation, and the mean and the variance of its statistics.
    """

    kernel: NDArray[np.float64]
    gamma: NDArray[np.float64]
    beta: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def convolution(tensors: Tensors, layer: Layer) -> Convolution:
    """Return the weights of a layer that convolves. Raises ModelError if the tensors are not those of the network."""
    kernel = _checked(tensors, layer.weights, (layer.channels, None, layer.kernel, layer.kernel))
    gamma, beta, mean, variance = (
        _checked(tensors, f"{layer.norm}.{part}", (layer.channels,))
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return Convolution(kernel, gamma, beta, mean, variance)


def folded(tensors: Tensors, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return kernel and bias of a convolution with its batch normalisation folded in.

    The kernel has TFLite's axes: (outputs, height, width, inputs), and (1, height, width, channels) if it is depthwise.
    Raises ModelError if the tensors are not those of the network.
    """
    found = convolution(tensors, layer)
    factor = found.gamma / np.sqrt(found.variance + EPSILON)
    axes = (1, 2, 3, 0) if layer.kind == "depthwise" else (0, 2, 3, 1)
    weights = np.transpose(found.kernel * factor[:, None, None, None], axes)
    return np.ascontiguousarray(weights), found.beta - found.mean * factor


def _checked(tensors: Tensors, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    tensor: NDArray[Any] | None = tensors.get(name)
    if tensor is None or len(tensor.shape) != len(shape) or any(
        size is not None and size != found for size, found in zip(shape, tensor.shape, strict=True)
    ):  # fmt: skip
        found = "missing" if tensor is None else f"of shape {tensor.shape}"
        raise ModelError(f"the weights {name} are {found}, expected {shape}", hint=f"install {PACKAGE} again")
    return np.asarray(tensor, np.float64)


def output_sides(size: int) -> dict[str, int]:
    """Return the height, which is the width, of the output of each layer, for an input of `size` pixels a side."""
    sides = {INPUT: size}
    for layer in LAYERS:
        sides[layer.name] = 1 if layer.kind == "mean" else -(-sides[layer.inputs[0]] // layer.stride)
    return sides
