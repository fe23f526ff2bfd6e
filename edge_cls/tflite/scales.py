"""The numbers of a full int8 network: scales of activations and kernels, and constants in int8 and int32.

Activations have one scale and one zero point, and kernels a scale per output channel (B. Jacob et al., "Quantization
and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018). Every step is an elementwise
operation of IEEE arithmetic, so that every machine gets the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LARGEST_BIAS = 2**30
"""Steps of the largest int32 bias before its correction; the sum of the products needs the rest."""
_SMALLEST_STEP = 2.0**-24
"""Output steps that one step of a product is worth at least. Dead channels have weights so small that kernels could
not represent the ratio; with this one, they add less than an output step."""

Affine = tuple[np.float32, int]
"""Scale and zero point of an int8 activation."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Kernel, int8, and bias, in steps of int64 that fit into int32, with their scales, float32."""

    kernel: NDArray[np.int8]
    kernel_scales: NDArray[np.float32]
    bias: NDArray[np.int64]
    bias_scales: NDArray[np.float32]


def activation_affine(low: float, high: float) -> Affine:
    """Return scale and zero point for which int8 covers the range from `low`, at most 0, to `high`, above 0."""
    scale = np.float32((high - low) / 255)
    return scale, int(np.clip(np.rint(-128 - low / float(scale)), -128, 127))


def kernel_scales(
    weights: NDArray[np.float64], bias: NDArray[np.float64], axis: int, source: float, target: float
) -> NDArray[np.float32]:
    """Return the scale of each channel along `axis` of a kernel; `source` and `target` are the activations' scales.

    It is that of the largest weight. A dead channel, with next to no weights, gets a larger one, so that its bias in
    steps of the product of the scales fits into int32, and so that the kernels can represent the ratio to the output.
    """
    largest = np.abs(weights).max(axis=tuple(place for place in range(weights.ndim) if place != axis)) / 127
    for_bias = np.abs(bias) / (source * _LARGEST_BIAS)
    scales = np.maximum(np.maximum(largest, for_bias), _SMALLEST_STEP * target / source)
    return np.asarray(scales, np.float32)


def int8_weights(
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    axis: int,
    source: np.float32,
    target: np.float32,
    *,
    per_channel: bool = True,
) -> Weights:
    """Return `weights`, whose output channels lie along `axis`, and `bias` in integers.

    `source` and `target` are the scales of the input and of the output. Unless `per_channel`, all channels have the
    largest of their scales.
    """
    scales = kernel_scales(weights, bias, axis, float(source), float(target))
    if not per_channel:
        scales = scales.max(keepdims=True)
    along = scales.astype(np.float64).reshape([-1 if place == axis else 1 for place in range(weights.ndim)])
    bias_scales = source * scales
    return Weights(
        kernel=np.clip(np.rint(weights / along), -127, 127).astype(np.int8),
        kernel_scales=scales,
        bias=np.rint(bias / bias_scales.astype(np.float64)).astype(np.int64),
        bias_scales=bias_scales,
    )
