"""Converts a float network to full int8, with the corrections that bring the embedding closer to the float one."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.errors import ConversionError
from edge_cls.tflite.edit import name_tensors
from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.bias_correction import correct_biases
from edge_cls_tools.quantization.converter import to_float
from edge_cls_tools.quantization.layer_noise import sqnr
from edge_cls_tools.quantization.layers import Layers
from edge_cls_tools.quantization.quantizer import to_int8
from edge_cls_tools.quantization.ranges import min_error_ranges, min_max_ranges, observe

METHOD = 3
"""Version of the conversion method; cached results of another version are not used."""
HOLD_OUT_EVERY = 5
"""Every fifth calibration image is held out of the ranges and measures the effect of each correction."""


@dataclass(frozen=True)
class Remedy:
    """A correction of the quantisation error: the SQNR of the embedding, in dB, `without` it and `with_it`.

    It is kept if it increases the SQNR.
    """

    name: str
    without: float
    with_it: float

    @property
    def kept(self) -> bool:
        """Whether the correction is part of the model."""
        return self.with_it > self.without


@dataclass(frozen=True, eq=False)
class Converted:
    """The int8 TFLite model, the float TFLite model it was converted from, and the corrections that were tried."""

    int8: bytes
    float32: bytes
    remedies: tuple[Remedy, ...]


def convert(network: keras.Model, calibration: Pixels) -> Converted:
    """Return `network`, from pixels in [-1, 1] to named outputs, as a full int8 TFLite model with a uint8 input.

    The quantisation ranges are determined on `calibration`, uint8 (n, height, width, 3). The corrections are tried one
    after the other, each on top of those that were kept. Their effect is measured on held-out images of `calibration`,
    as the SQNR of the embedding, or of the first output if there is no embedding. Raises ConversionError if the network
    has an operator without a rule for int8, or cannot be converted to TFLite.
    """
    try:
        exact = name_tensors(to_float(network), ["image"])
    except Exception as error:  # the converter raises its own kinds of exceptions, and plain ones
        raise ConversionError(
            f"the network cannot be converted to int8 ({error})", hint="use a backbone of standard layers"
        ) from error
    int8, remedies = corrected(exact, calibration)
    return Converted(int8, exact, remedies)


def corrected(exact: bytes, calibration: Pixels) -> tuple[bytes, tuple[Remedy, ...]]:
    """Return the float network `exact` in int8 with the corrections that were kept, and all that were tried.

    The input of `exact` is pixels in [-1, 1]. Raises ConversionError as `to_int8` does.
    """
    is_held_out = np.arange(len(calibration)) % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1
    held_out = calibration[is_held_out] if is_held_out.any() else calibration
    calibration = calibration[~is_held_out]
    observed = observe(Layers(exact), calibration)
    plain = to_int8(exact, min_max_ranges(observed))
    shifted = correct_biases(exact, plain, calibration)
    bias = Remedy("bias correction", _output_sqnr(exact, plain, held_out), _output_sqnr(exact, shifted, held_out))
    best, best_sqnr = (shifted, bias.with_it) if bias.kept else (plain, bias.without)
    # Clipping shifts the means, which bias correction compensates, so the two are measured together.
    clipped = to_int8(exact, min_error_ranges(observed))
    if bias.kept:
        clipped = correct_biases(exact, clipped, calibration)
    ranges = Remedy("clipped ranges", best_sqnr, _output_sqnr(exact, clipped, held_out))
    return (clipped if ranges.kept else best), (bias, ranges)


def _output_sqnr(exact: bytes, int8: bytes, images: Pixels) -> float:
    """Return the SQNR of the embedding, or of the first output if there is none, in dB."""
    reference, model = Interpreter(exact), Interpreter(int8)
    names = [output.name for output in reference.outputs]
    place = names.index("embedding") if "embedding" in names else 0
    name = names[place]
    output = next(output for output in model.outputs if output.name == name)
    signal = noise = 0.0
    for pixels, normalized in zip(images, normalize(images), strict=True):
        expected = reference.invoke(normalized)[place].astype(np.float64)
        output_values = model.invoke(pixels)[model.outputs.index(output)]
        signal += float(np.sum(expected**2))
        noise += float(np.sum((dequantize(output_values, output.scale, output.zero_point) - expected) ** 2))
    return sqnr(signal, noise)
