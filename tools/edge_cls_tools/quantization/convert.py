"""Converts a float network to full int8, with the corrections that bring the embedding closer to the float one."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.errors import ConversionError
from edge_cls.tflite.edit import name_tensors
from edge_cls.tflite.graph import float_operators
from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.bias_correction import correct_biases
from edge_cls_tools.quantization.converter import to_float, to_int8
from edge_cls_tools.quantization.layer_noise import sqnr
from edge_cls_tools.quantization.layers import Layers
from edge_cls_tools.quantization.ranges import min_error_ranges, min_max_ranges, observe

PIXEL_SCALE = 2 / 255
"""Scale of an input in [-1, 1] whose quantised values equal the bytes of the pixels."""
METHOD = 2
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
    cannot be converted, if an operator stays in floating point, or if the quantised input is not the byte of a pixel.
    """
    try:
        exact = name_tensors(to_float(network), ["image"])
        int8, remedies = _corrected(exact, calibration)
    except Exception as error:  # the converter raises its own kinds of exceptions, and plain ones
        raise ConversionError(
            f"the network cannot be converted to int8 ({error})", hint="use a backbone of standard layers"
        ) from error
    floats = float_operators(int8)
    if floats:
        raise ConversionError(
            f"{len(floats)} operators have no int8 version and stay in floating point: {', '.join(floats[:5])}",
            hint="replace their layers by ones that TFLite supports in int8",
        )
    pixels = Interpreter(int8).input
    if abs(pixels.scale - PIXEL_SCALE) > 0.01 * PIXEL_SCALE or pixels.zero_point not in (127, 128):
        raise ConversionError(
            f"the input is quantised as {pixels.scale} * (q - {pixels.zero_point}), expected 2 / 255 * (q - 127)",
            hint="use a backbone with an input in [-1, 1]",
        )
    return Converted(int8, exact, remedies)


def _corrected(exact: bytes, calibration: Pixels) -> tuple[bytes, tuple[Remedy, ...]]:
    """Return the int8 network with the corrections that were kept, and all that were tried."""
    is_held_out = np.arange(len(calibration)) % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1
    held_out = calibration[is_held_out] if is_held_out.any() else calibration
    calibration = calibration[~is_held_out]
    layers = Layers(exact)
    observed = observe(layers, calibration)
    plain = _with_ranges(layers, min_max_ranges(layers, observed))
    corrected = correct_biases(exact, plain, calibration)
    bias = Remedy("bias correction", _output_sqnr(exact, plain, held_out), _output_sqnr(exact, corrected, held_out))
    best, best_sqnr = (corrected, bias.with_it) if bias.kept else (plain, bias.without)
    # Clipping shifts the means, which bias correction compensates, so the two are measured together.
    clipped = _with_ranges(layers, min_error_ranges(layers, observed))
    if bias.kept:
        clipped = correct_biases(exact, clipped, calibration)
    ranges = Remedy("clipped ranges", best_sqnr, _output_sqnr(exact, clipped, held_out))
    return (clipped if ranges.kept else best), (bias, ranges)


def _with_ranges(layers: Layers, ranges: dict[int, tuple[float, float]]) -> bytes:
    for tensor, (low, high) in ranges.items():
        layers.set_range(tensor, low, high)
    return name_tensors(to_int8(layers.pack()), ["image"])


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
