"""A float network to a full int8 one, or an error."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import ConversionError
from edge_cls.graph import float_operators, name_tensors
from edge_cls.interpreter import Interpreter
from edge_cls_tools.litert_converter import to_float, to_int8
from edge_cls_tools.pixels import Pixels, normalize

BYTE = 2 / 255
"""The step of an input in [-1, 1] whose int8 values are the bytes of pixels."""


def convert(network: keras.Model, calibration: Pixels) -> bytes:
    """Return `network`, pixels in [-1, 1] to named outputs, as a TFLite model, uint8 in and int8 all through.

    The ranges are those that the images of `calibration` reach. Raises ConversionError where an operator stayed in
    floating point, or where the input is not the plain byte of a pixel.
    """
    try:
        converted = name_tensors(to_int8(network, lambda: _representative(calibration)), ["image"])
    except Exception as error:  # the converter raises kinds of its own, and bare ones
        raise ConversionError(
            f"the network cannot be converted to int8 ({error})", mend="use a backbone of standard layers"
        ) from error
    floats = float_operators(converted)
    if floats:
        raise ConversionError(
            f"{len(floats)} operators stayed in floating point: {', '.join(floats[:5])}",
            mend="use layers that TFLite has int8 kernels for",
        )
    pixels = Interpreter(converted).input
    if abs(pixels.scale - BYTE) > 0.01 * BYTE or pixels.zero_point not in (127, 128):
        raise ConversionError(
            f"the int8 input is {pixels.scale} * (q - {pixels.zero_point}), not the byte of a pixel",
            mend="use a backbone whose input is in [-1, 1]",
        )
    return converted


def float_twin(network: keras.Model) -> bytes:
    """Return `network` as a float TFLite model with the same named outputs: what its int8 model is compared with."""
    return name_tensors(to_float(network), ["image"])


def _representative(calibration: Pixels) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the calibration images, the first with one black and one white pixel.

    They pin the range of the input to [-1, 1], so that its int8 values are the bytes of the pixels themselves, even
    where all photos are dark. Without that the device would have to rescale every frame, and would not know it.
    """
    pinned = calibration[:1].copy()
    pinned[0, 0, 0], pinned[0, -1, -1] = 0, 255
    yield [normalize(pinned)]
    for image in calibration[1:]:
        yield [normalize(image[None])]
