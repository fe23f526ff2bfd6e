"""A float network to a full int8 one that is as near to it as can be, or an error."""

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
from edge_cls_tools.quantization.ranges import closest_ranges, extreme_ranges, observe

BYTE = 2 / 255
"""The step of an input in [-1, 1] whose int8 values are the bytes of pixels."""
METHOD = 2
"""Counts the ways in which `convert` has worked: with another one, what was converted before is of no use."""
JUDGES = 5
"""Every fifth calibration image sets no range, and judges instead what each remedy gives."""


@dataclass(frozen=True)
class Remedy:
    """Something done against the loss of int8: the signal-to-noise ratio of the embedding, in dB, without and with it.

    It is kept where it brings the embedding nearer to the float one.
    """

    name: str
    without: float
    with_it: float

    @property
    def kept(self) -> bool:
        """Whether the model has it."""
        return self.with_it > self.without


@dataclass(frozen=True, eq=False)
class Converted:
    """The int8 model, the float TFLite model that it was made of, and what was done against the loss between them."""

    int8: bytes
    float32: bytes
    remedies: tuple[Remedy, ...]


def convert(network: keras.Model, calibration: Pixels) -> Converted:
    """Return `network`, pixels in [-1, 1] to named outputs, as a TFLite model, uint8 in and int8 all through.

    The ranges are those that the images of `calibration` reach. Remedies are tried in turn, each on top of those that
    were kept, and judged by the embedding (without one, by the first output) of images of `calibration` that set no
    range. Raises ConversionError where an operator stayed in floating point, or where the input is not the plain byte
    of a pixel.
    """
    try:
        exact = name_tensors(to_float(network), ["image"])
        int8, remedies = _remedied(exact, calibration)
    except Exception as error:  # the converter raises kinds of its own, and bare ones
        raise ConversionError(
            f"the network cannot be converted to int8 ({error})", hint="use a backbone of standard layers"
        ) from error
    floats = float_operators(int8)
    if floats:
        raise ConversionError(
            f"{len(floats)} operators stayed in floating point: {', '.join(floats[:5])}",
            hint="use layers that TFLite has int8 kernels for",
        )
    pixels = Interpreter(int8).input
    if abs(pixels.scale - BYTE) > 0.01 * BYTE or pixels.zero_point not in (127, 128):
        raise ConversionError(
            f"the int8 input is {pixels.scale} * (q - {pixels.zero_point}), not the byte of a pixel",
            hint="use a backbone whose input is in [-1, 1]",
        )
    return Converted(int8, exact, remedies)


def _remedied(exact: bytes, calibration: Pixels) -> tuple[bytes, tuple[Remedy, ...]]:
    judging = np.arange(len(calibration)) % JUDGES == JUDGES - 1
    judges, calibration = calibration[judging] if judging.any() else calibration, calibration[~judging]
    layers = Layers(exact)
    seen = observe(layers, calibration)
    plain = _with_ranges(layers, extreme_ranges(layers, seen))
    corrected = correct_biases(exact, plain, calibration)
    bias = Remedy("bias correction", _nearness(exact, plain, judges), _nearness(exact, corrected, judges))
    best, nearness = (corrected, bias.with_it) if bias.kept else (plain, bias.without)
    # Clipping shifts means, which the correction then puts right: it is judged with it.
    clipped = _with_ranges(layers, closest_ranges(layers, seen))
    if bias.kept:
        clipped = correct_biases(exact, clipped, calibration)
    ranges = Remedy("clipped ranges", nearness, _nearness(exact, clipped, judges))
    return (clipped if ranges.kept else best), (bias, ranges)


def _with_ranges(layers: Layers, ranges: dict[int, tuple[float, float]]) -> bytes:
    for tensor, (low, high) in ranges.items():
        layers.set_range(tensor, low, high)
    return name_tensors(to_int8(layers.pack()), ["image"])


def _nearness(exact: bytes, int8: bytes, judges: Pixels) -> float:
    """Return the signal-to-noise ratio of the embedding, or else of the first output, in dB."""
    reference, model = Interpreter(exact), Interpreter(int8)
    names = [output.name for output in reference.outputs]
    place = names.index("embedding") if "embedding" in names else 0
    name = names[place]
    output = next(output for output in model.outputs if output.name == name)
    signal = noise = 0.0
    for pixels, normalized in zip(judges, normalize(judges), strict=True):
        wanted = reference.invoke(normalized)[place].astype(np.float64)
        given = model.invoke(pixels)[model.outputs.index(output)]
        signal += float(np.sum(wanted**2))
        noise += float(np.sum((dequantize(given, output.scale, output.zero_point) - wanted) ** 2))
    return sqnr(signal, noise)
