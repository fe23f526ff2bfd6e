"""A TFLite network layer by layer: run a single operator, read its tensors, change its bias.

Tensors are identified by their index in the graph.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.tflite.edit import pack
from edge_cls.tflite.graph import operators, text, unpack

Activations = Sequence[NDArray[Any]]
"""The values of one tensor for several images, each with a batch axis of one."""

_BIASED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_INT8 = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8}


@dataclass(frozen=True)
class Layer:
    """One operator: its index, its kind in TFLite's terms, its name (that of its output), and its tensors.

    `inputs` are the activations among its inputs, without constants; `bias` is None if it has no int32 bias.
    """

    index: int
    kind: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    bias: int | None

    @property
    def output(self) -> int:
        """The first output, and usually the only one."""
        return self.outputs[0]


class Layers:
    """The operators of the network in `content`, in the order of execution."""

    def __init__(self, content: bytes) -> None:
        self._model = unpack(content, "the network")
        self._graph = self._model.subgraphs[0]
        self.input = int(self._graph.inputs[0])
        kinds = [operator.name for operator in operators(self._model)]
        self.layers = tuple(self._layer(index, kind) for index, kind in enumerate(kinds))

    def pack(self) -> bytes:
        """Return the FlatBuffer with all changes."""
        return pack(self._model)

    def run(self, layer: Layer, values: Mapping[int, Activations]) -> dict[int, Activations]:
        """Return the outputs of `layer` by tensor, given its inputs in `values`."""
        network = Interpreter(self._alone(layer), name=layer.name, threads=1)
        values_by_input = [values[tensor] for tensor in layer.inputs]
        results = [network.run(*inputs) for inputs in zip(*values_by_input, strict=True)]
        return dict(zip(layer.outputs, zip(*results, strict=True), strict=True))

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of `tensor`, batch axis included."""
        return tuple(int(side) for side in self._graph.tensors[tensor].shape)

    def real(self, tensor: int, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the dequantised `values` of `tensor`."""
        if self._graph.tensors[tensor].type not in _INT8:
            return np.asarray(values, np.float32)
        return dequantize(values, *self._affine(tensor))

    def quantized(self, tensor: int, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return real `values` quantised and clipped to the type of `tensor`; unchanged if it is a float tensor."""
        dtype = _INT8.get(self._graph.tensors[tensor].type)
        if dtype is None:
            return values
        scale, zero_point = self._affine(tensor)
        info = np.iinfo(dtype)
        return np.asarray(np.clip(np.rint(values / scale) + zero_point, info.min, info.max), dtype)

    def shift_bias(self, tensor: int, shift: NDArray[np.float32]) -> None:
        """Add `shift`, real values (channels,), to an int32 bias, rounded to the steps of its scale."""
        bias = self._graph.tensors[tensor]
        buffer = self._model.buffers[bias.buffer]
        steps = np.frombuffer(bytes(buffer.data), np.int32) + np.rint(shift / np.asarray(bias.quantization.scale))
        shifted = np.clip(steps, np.iinfo(np.int32).min, np.iinfo(np.int32).max).astype(np.int32)
        # A new buffer, because the converter lets equal constants share one.
        buffer = schema.BufferT()
        buffer.data = shifted.view(np.uint8)
        self._model.buffers.append(buffer)
        bias.buffer = len(self._model.buffers) - 1

    def _layer(self, index: int, kind: str) -> Layer:
        operator = self._graph.operators[index]
        outputs = tuple(int(tensor) for tensor in operator.outputs)
        bias = int(operator.inputs[2]) if kind in _BIASED and len(operator.inputs) > 2 else -1
        return Layer(
            index=index,
            kind=kind,
            name=text(self._graph.tensors[outputs[0]].name),
            inputs=tuple(int(tensor) for tensor in operator.inputs if tensor >= 0 and not self._is_constant(tensor)),
            outputs=outputs,
            bias=bias if bias >= 0 and self._graph.tensors[bias].type == schema.TensorType.INT32 else None,
        )

    def _is_constant(self, tensor: int) -> bool:
        data = self._model.buffers[self._graph.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    def _affine(self, tensor: int) -> tuple[float, int]:
        quantization = self._graph.tensors[tensor].quantization
        return float(quantization.scale[0]), int(quantization.zeroPoint[0])

    def _alone(self, layer: Layer) -> bytes:
        """Return a network of this operator only, with the inputs of the layer."""
        operator = copy.copy(self._graph.operators[layer.index])
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.subgraphs, graph.operators = 3, [graph], [operator]
        model.operatorCodes, model.buffers = [self._model.operatorCodes[operator.opcodeIndex]], [schema.BufferT()]
        used = [int(tensor) for tensor in (*operator.inputs, *operator.outputs)]
        places = {tensor: place for place, tensor in enumerate(dict.fromkeys(t for t in used if t >= 0))} | {-1: -1}
        graph.tensors = [copy.copy(self._graph.tensors[tensor]) for tensor in places if tensor >= 0]
        for tensor in graph.tensors:
            model.buffers.append(self._model.buffers[tensor.buffer])
            tensor.buffer = len(model.buffers) - 1
        operator.opcodeIndex = 0
        operator.inputs = [places[int(tensor)] for tensor in operator.inputs]
        operator.outputs = [places[int(tensor)] for tensor in operator.outputs]
        graph.inputs, graph.outputs = [places[tensor] for tensor in layer.inputs], list(operator.outputs)
        return pack(model)


class LayerwiseRun:
    """Runs several images through a network, one layer at a time; activations are released after their last use."""

    def __init__(self, layers: Layers, images: Activations) -> None:
        self._layers = layers
        self.values: dict[int, Activations] = {layers.input: images}
        self._last_use = {tensor: layer.index for layer in layers.layers for tensor in layer.inputs}
        self._next = 0

    def step(self, layer: Layer) -> Activations:
        """Run all layers up to `layer` and return its output; its inputs stay in `values` until the next step.

        The layer of the last step can be run again after a change.
        """
        for index in range(min(self._next, layer.index), layer.index + 1):
            self.values = {t: v for t, v in self.values.items() if self._last_use.get(t, -1) >= index}
            self.values |= self._layers.run(self._layers.layers[index], self.values)
        self._next = layer.index + 1
        return self.values[layer.output]


def matched_layers(int8: Layers, exact: Layers) -> Iterator[tuple[Layer, Layer | None]]:
    """Yield each layer of an int8 network with the layer of the same kind and name in the float network.

    Layers added by the quantisation (QUANTIZE) have no counterpart and are paired with None.
    """
    by_name = {(layer.kind, layer.name): layer for layer in exact.layers}
    for layer in int8.layers:
        yield layer, by_name.get((layer.kind, layer.name))
