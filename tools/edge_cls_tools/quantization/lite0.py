"""EfficientNet-Lite0 in floating point, and the calibration of its int8 version from photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.core.manifest import Calibration, Preprocessing
from edge_cls.core.quantization import dequantize
from edge_cls.model.file import sha256
from edge_cls.model.lite0.build import contract
from edge_cls.model.lite0.calibrated import SIZES, Calibrated
from edge_cls.model.lite0.network import INPUT, LAYERS, MEAN, OUTPUT, STD, folded, output_sides
from edge_cls.model.lite0.quantized import add_operator, quantized_network
from edge_cls.model.lite0.weights import Tensors
from edge_cls.tflite.graph import operators, unpack
from edge_cls.tflite.graph_writer import GraphWriter
from edge_cls_tools.io.batches import Pixels, batches
from edge_cls_tools.quantization.bias_correction import correct_biases
from edge_cls_tools.quantization.distances import median_distance
from edge_cls_tools.quantization.layers import Layers
from edge_cls_tools.quantization.ranges import min_error_ranges, observe

SIZE = 160
"""Side of the photos, in pixels, that the calibration is measured at; it serves all sizes."""
ROUNDS = 4
"""Bias corrections of each layer. On other photos, the SQNR of the embedding was 0.1 dB higher at 160 pixels, 0.3 dB at
224, than with two."""


def float_network(tensors: Tensors, size: int) -> bytes:
    """Return the network for `size` x `size` pixels: `normalized` pixels in, `embedding`, float32 (1, 1280), out.

    Its layers have the names of those of the int8 network. Raises ModelError if the tensors are of another network.
    """
    writer, sides = GraphWriter(), output_sides(size)
    found = {INPUT: writer.tensor(INPUT, (1, size, size, 3), "float32")}
    for layer in LAYERS:
        side = sides[layer.name]
        shape = (1, layer.channels) if layer.kind == "mean" else (1, side, side, layer.channels)
        output = writer.tensor(layer.name, shape, "float32")
        inputs = [found[name] for name in layer.inputs]
        if layer.convolves:
            for name, values in zip(("kernel", "bias"), folded(tensors, layer), strict=True):
                inputs.append(writer.tensor(f"{layer.name}/{name}", values.shape, "float32", data=values))
        elif layer.kind == "mean":
            inputs.append(writer.tensor("axes", (2,), "int32", data=np.array([1, 2], np.int32)))
        found[layer.name] = add_operator(writer, layer, inputs, output, int8=False)
    return writer.finish({INPUT: found[INPUT]}, {OUTPUT: found[OUTPUT]})


def normalized(pixels: Pixels) -> NDArray[np.float32]:
    """Return the input of the float network for pixels of 0 to 255."""
    return (pixels.astype(np.float32) - np.float32(MEAN)) / np.float32(STD)


def sharpest(paths: Sequence[Path], count: int) -> list[Path]:
    """Return the `count` photos whose Laplacian has the largest variance at SIZE pixels, in the order of `paths`."""
    kept = Preprocessing(SIZE, SIZE)
    sharpness = [
        float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
        for batch in batches(paths, kept, lambda _: None)
        for pixels in batch
    ]
    return [paths[place] for place in sorted(np.argsort(sharpness)[::-1][:count])]


def calibrate(tensors: Tensors, photos: Sequence[Path]) -> Calibrated:
    """Return the calibration of the int8 network that `photos` give: ranges by the least error, then bias correction.

    Raises DatasetError if a photo cannot be read.
    """
    pixels = np.concatenate(list(batches(photos, contract(SIZE), lambda _: None)))
    exact = float_network(tensors, SIZE)
    layers = Layers(exact)
    names = {layer.output: layer.name for layer in layers.layers}
    ranges = min_error_ranges(observe(layers, pixels, normalize=normalized))
    plain = Calibrated(
        ranges={names[tensor]: ends for tensor, ends in ranges.items()},
        shifts={layer.name: np.zeros(layer.channels, np.int16) for layer in LAYERS if layer.convolves},
        photos=Calibration(len(photos), sha256(pixels.tobytes())),
        stranger_distances={},
    )
    int8 = quantized_network(tensors, plain, SIZE)
    corrected = correct_biases(exact, int8, pixels, images=len(pixels), rounds=ROUNDS, normalize=normalized)
    before, after = biases(int8), biases(corrected)
    limits = np.iinfo(np.int16)
    shifts = {
        name: np.clip(after[name] - before[name], limits.min, limits.max).astype(np.int16) for name in plain.shifts
    }
    made = replace(plain, shifts=shifts)
    return replace(made, stranger_distances={size: _median_distance(tensors, made, photos, size) for size in SIZES})


def _median_distance(tensors: Tensors, calibrated: Calibrated, photos: Sequence[Path], size: int) -> float:
    """Return the median cosine distance between the int8 embeddings of two photos at `size` pixels."""
    network = Interpreter(quantized_network(tensors, calibrated, size))
    output = network.outputs[0]
    vectors = [
        dequantize(network.invoke(pixels)[0].reshape(-1), output.scale, output.zero_point)
        for batch in batches(photos, contract(size), lambda _: None)
        for pixels in batch
    ]
    return median_distance(np.stack(vectors))


def biases(network: bytes) -> dict[str, NDArray[np.int64]]:
    """Return the int32 biases of a network by layer, as int64."""
    return {
        operator.outputs[0].name: operator.inputs[2].constant.view(np.int32).astype(np.int64)
        for operator in operators(unpack(network, "the network"))
        if len(operator.inputs) > 2 and operator.inputs[2] is not None and operator.inputs[2].constant is not None
    }
