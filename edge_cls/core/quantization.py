"""Affine int8 quantisation: real = scale * (q - zero_point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class QuantizedVector:
    """A vector of int8, shape (dim,), with the scale and the zero point that map it to real numbers."""

    values: NDArray[np.int8]
    scale: float
    zero_point: int

    def dequantize(self) -> NDArray[np.float32]:
        """Return the real vector, float32 (dim,)."""
        return dequantize(self.values, self.scale, self.zero_point)


def dequantize(values: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Return the real numbers, float32, of quantised `values`, which have any integer dtype and shape.

    >>> dequantize(np.array([-128, 0, 127], np.int8), 0.5, -128)
    array([  0. ,  64. , 127.5], dtype=float32)
    """
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def quantize_vector(values: NDArray[Any], scale: float, zero_point: int) -> QuantizedVector:
    """Return an output vector of a model, of dtype int8, uint8 or float and shape (dim,), as int8.

    int8 is kept and uint8 shifted by 128, both without loss. A float vector is quantised symmetrically to [-127, 127];
    `scale` and `zero_point` do not apply to it. The error of each number is at most half a step of max|x| / 127.
    """
    if values.dtype == np.int8:
        return QuantizedVector(values, scale, zero_point)
    if values.dtype == np.uint8:
        return QuantizedVector((values.astype(np.int16) - 128).astype(np.int8), scale, zero_point - 128)
    largest = float(np.abs(values).max(initial=0.0))
    step = largest / 127 or 1.0
    return QuantizedVector(np.rint(values / step).astype(np.int8), step, 0)
