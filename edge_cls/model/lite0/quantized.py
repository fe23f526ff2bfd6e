"""EfficientNet-Lite0 as a full int8 TFLite network.

Nothing is measured here: the ranges of the activations and the corrections of the biases come from `Calibrated`, and
are the same for every size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_cls.model.lite0.calibrated import Calibrated
from edge_cls.model.lite0.network import INPUT, LAYERS, MEAN, OUTPUT, STD, Layer, folded, output_sides
from edge_cls.model.lite0.weights import Tensors
from edge_cls.tflite.edit import pack
from edge_cls.tflite.graph_writer import GraphWriter
from edge_cls.tflite.scales import Affine, activation_affine, int8_weights


def quantized_network(tensors: Tensors, calibrated: Calibrated, size: int) -> bytes:
    """Return the FlatBuffer of `quantized_graph`. Raises ModelError alike."""
    return pack(quantized_graph(tensors, calibrated, size))


def quantized_graph(tensors: Tensors, calibrated: Calibrated, size: int) -> schema.ModelT:
    """Return the network for `size` x `size` pixels: uint8 RGB in, `embedding`, int8 (1, 1280), out.

    Raises ModelError if the tensors are not those of the network.
    """
    writer, sides = GraphWriter(), output_sides(size)
    scale = np.float32(1 / STD)
    image = writer.tensor(INPUT, (1, size, size, 3), "uint8", scale=scale, zero_point=int(MEAN))
    affine = {INPUT: (scale, int(MEAN) - 128)}
    found = {INPUT: _activation(writer, f"{INPUT}_int8", (1, size, size, 3), affine[INPUT])}
    writer.operator("QUANTIZE", 1, [image], found[INPUT], schema.QuantizeOptionsT())
    for layer in LAYERS:
        side = sides[layer.name]
        shape = (1, layer.channels) if layer.kind == "mean" else (1, side, side, layer.channels)
        affine[layer.name] = activation_affine(*calibrated.ranges[layer.name])
        output = _activation(writer, layer.name, shape, affine[layer.name])
        inputs = [found[name] for name in layer.inputs]
        if layer.convolves:
            inputs += _constants(writer, layer, tensors, calibrated, affine[layer.inputs[0]][0], affine[layer.name][0])
        elif layer.kind == "mean":
            inputs.append(writer.tensor("axes", (2,), "int32", data=np.array([1, 2], np.int32)))
        found[layer.name] = add_operator(writer, layer, inputs, output, int8=True)
    return writer.model({INPUT: image}, {OUTPUT: found[OUTPUT]})


def add_operator(writer: GraphWriter, layer: Layer, inputs: list[int], output: int, *, int8: bool) -> int:
    """Add the operator of `layer` with its options, for int8 or for float tensors; return `output`."""
    options: Any
    match layer.kind:
        case "add":
            return writer.operator("ADD", 2 if int8 else 1, inputs, output, schema.AddOptionsT())
        case "mean":
            return writer.operator("MEAN", 2 if int8 else 1, inputs, output, schema.ReducerOptionsT())
        case "depthwise":
            kind, options = "DEPTHWISE_CONV_2D", schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
        case _:
            kind, options = "CONV_2D", schema.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.SAME, layer.stride, layer.stride
    if layer.relu6:
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    return writer.operator(kind, 3 if int8 else 1, inputs, output, options)


def _activation(writer: GraphWriter, name: str, shape: tuple[int, ...], affine: Affine) -> int:
    return writer.tensor(name, shape, "int8", scale=affine[0], zero_point=affine[1])


def _constants(
    writer: GraphWriter, layer: Layer, tensors: Tensors, calibrated: Calibrated, source: np.float32, target: np.float32
) -> list[int]:
    """Add the kernel, int8, and the bias, int32, of a convolution; `source` and `target` are the activations' scales.

    Returns their indices.
    """
    weights, bias = folded(tensors, layer)
    axis = 3 if layer.kind == "depthwise" else 0
    made = int8_weights(weights, bias, axis, source, target)
    kernel, steps = made.kernel, (made.bias + calibrated.shifts[layer.name]).astype(np.int32)
    return [
        writer.tensor(f"{layer.name}/kernel", kernel.shape, "int8", scale=made.kernel_scales, axis=axis, data=kernel),
        writer.tensor(f"{layer.name}/bias", bias.shape, "int32", scale=made.bias_scales, data=steps),
    ]
