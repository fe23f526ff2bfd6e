"""Turns a float TFLite network into a full int8 one, by the ranges of its activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.errors import ConversionError
from edge_cls.tflite.graph import Operator, TensorInfo, constant_values, operators, unpack
from edge_cls.tflite.graph_writer import GraphWriter
from edge_cls.tflite.scales import Affine, activation_affine, int8_weights
from edge_cls_tools.quantization.operator_rules import RULES, Rule, int8_version
from edge_cls_tools.quantization.pixel_input import PixelInput, pixel_input

Ranges = Mapping[int, tuple[float, float]]
"""The smallest number, at most 0, and the largest, above 0, of float tensors by their index."""


def to_int8(network: bytes, ranges: Ranges) -> bytes:
    """Return the float TFLite model `network` in int8: bytes of pixels, uint8, in, and int8 outputs of the same names.

    `network` has one input, one image of pixels in [-1, 1]. `ranges` has each activation, except those with a scale
    that their operator determines. The operators keep the names of their outputs; those that only compute shapes are
    left out. Raises ConversionError if an operator has no rule, or if its parameters are computed.
    """
    model = unpack(network, "the network")
    graph = model.subgraphs[0]
    found = operators(model)
    conversion = _Conversion(found, pixel_input(found, int(graph.inputs[0])), ranges)
    return conversion.run([int(index) for index in graph.outputs])


class _Conversion:
    """Writes the int8 operators one after the other."""

    def __init__(self, found: list[Operator], pixels: PixelInput, ranges: Ranges) -> None:
        self._operators, self._pixels = found, pixels
        self._ranges = _with_shared(found, ranges)
        self._writer = GraphWriter()
        self._written: dict[int, int] = {}  # the new index of each tensor
        self._affine: dict[int, Affine] = {}  # scale and zero point of each int8 activation, by its new index

    def run(self, outputs: list[int]) -> bytes:
        inputs = self._write_input()
        for operator in self._operators[self._pixels.operators :]:
            if operator.outputs[0].type == "FLOAT32":
                self._write(operator)
        names = {tensor.index: tensor.name for operator in self._operators for tensor in operator.outputs}
        return self._writer.finish(inputs, {names[index]: self._written[index] for index in outputs})

    def _write_input(self) -> dict[str, int]:
        image = self._pixels.image
        scale, zero_point = np.float32(1 / self._pixels.std), self._pixels.zero_point
        source = self._writer.tensor(image.name, image.shape, "uint8", scale=scale, zero_point=zero_point)
        target = self._activation(f"{image.name}_int8", image.shape, (scale, zero_point - 128))
        self._written[self._pixels.tensor] = self._writer.operator(
            "QUANTIZE", 1, [source], target, schema.QuantizeOptionsT()
        )
        return {image.name: source}

    def _write(self, operator: Operator) -> None:
        if operator.name not in RULES:
            raise ConversionError(
                f"{operator.label} has no rule for int8", hint=f"use layers that become {', '.join(RULES)}"
            )
        rule, output = RULES[operator.name], operator.outputs[0]
        match rule.output:
            case "input":
                affine = self._affine[self._operand(operator, 0)]
            case "own" | "shared":
                affine = activation_affine(*self._ranges[output.index])
            case fixed:
                affine = fixed
        if rule.kernel_axis is not None:
            inputs = [self._operand(operator, 0), *self._weights(operator, rule, rule.kernel_axis, affine)]
        elif operator.name == "RESHAPE":
            inputs = [self._operand(operator, 0), self._shape(output)]
        else:
            inputs = [self._operand(operator, place) for place in range(len(operator.inputs))]
        if rule.output == "shared":
            inputs = [
                self._requantized(index, source, affine) for index, source in zip(inputs, operator.inputs, strict=True)
            ]
        scales = [float(self._affine[index][0]) for index in inputs if index in self._affine]
        target = self._activation(output.name, output.shape, affine)
        self._written[output.index] = self._writer.operator(
            operator.name, int8_version(operator, scales, float(affine[0])), inputs, target, operator.options
        )

    def _operand(self, operator: Operator, place: int) -> int:
        """Return the new index of an input, which is written if it is a constant."""
        tensor = _input(operator, place)
        if tensor.index not in self._written:
            values = _constant(operator, tensor)
            if tensor.type == "FLOAT32":
                affine = activation_affine(min(0.0, float(values.min())), max(1e-6, float(values.max())))
                steps = np.clip(np.rint(values / float(affine[0])) + affine[1], -128, 127)
                self._written[tensor.index] = self._activation(tensor.name, tensor.shape, affine, steps)
            else:
                self._written[tensor.index] = self._writer.tensor(tensor.name, tensor.shape, "int32", data=values)
        return self._written[tensor.index]

    def _weights(self, operator: Operator, rule: Rule, axis: int, target: Affine) -> list[int]:
        """Write kernel and bias; a bias of zeros if there is none, so that it can be corrected."""
        kernel = _input(operator, 1)
        values = np.asarray(_constant(operator, kernel), np.float64)
        bias = np.zeros(kernel.shape[axis])
        name = f"{kernel.name}/bias"
        if len(operator.inputs) > 2 and operator.inputs[2] is not None:
            name = operator.inputs[2].name
            bias = np.asarray(_constant(operator, operator.inputs[2]), np.float64).reshape(-1)
        source = self._affine[self._operand(operator, 0)][0]
        made = int8_weights(values, bias, axis, source, target[0], per_channel=rule.per_channel)
        steps = made.bias.astype(np.int32)
        return [
            self._writer.tensor(
                kernel.name, kernel.shape, "int8", scale=made.kernel_scales, axis=axis, data=made.kernel
            ),
            self._writer.tensor(name, steps.shape, "int32", scale=made.bias_scales, data=steps),
        ]

    def _shape(self, output: TensorInfo) -> int:
        """Write the shape of a RESHAPE, which is computed in the float network if its batch is open."""
        shape = np.array(output.shape, np.int32)
        return self._writer.tensor(f"{output.name}/shape", shape.shape, "int32", data=shape)

    def _requantized(self, index: int, source: TensorInfo | None, affine: Affine) -> int:
        """Return an activation with another scale; it is the same tensor if it has that scale already."""
        if source is None or self._affine[index] == affine:
            return index
        target = self._activation(f"{source.name}/requantized", source.shape, affine)
        return self._writer.operator("QUANTIZE", 1, [index], target, schema.QuantizeOptionsT())

    def _activation(
        self, name: str, shape: tuple[int, ...], affine: Affine, steps: NDArray[np.float64] | None = None
    ) -> int:
        data = None if steps is None else steps.astype(np.int8)
        index = self._writer.tensor(name, shape, "int8", scale=affine[0], zero_point=affine[1], data=data)
        self._affine[index] = affine
        return index


def _input(operator: Operator, place: int) -> TensorInfo:
    tensor = operator.inputs[place] if place < len(operator.inputs) else None
    if tensor is None:
        raise ConversionError(f"input {place} of {operator.label} is missing", hint="convert the network again")
    return tensor


def _constant(operator: Operator, tensor: TensorInfo) -> NDArray[Any]:
    values = constant_values(tensor)
    if values is None:
        raise ConversionError(
            f"{operator.label} has a parameter that is computed ({tensor.name})",
            hint="use layers of constant parameters",
        )
    return values


def _with_shared(found: list[Operator], ranges: Ranges) -> Ranges:
    """Return `ranges` in which the inputs and the output of operators that need one scale have one range."""
    joined = dict(ranges)
    for operator in reversed(found):
        if operator.name in RULES and RULES[operator.name].output == "shared":
            together = [tensor.index for tensor in operator.tensors if tensor.index in joined]
            low, high = min(joined[i][0] for i in together), max(joined[i][1] for i in together)
            joined |= dict.fromkeys(together, (low, high))
    return joined
