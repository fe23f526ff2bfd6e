"""Write a TFLite graph, tensor by tensor and operator by operator, without TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.tflite.edit import pack

_VERSION = 3
"""Version of the schema of every TFLite file."""
_TYPES = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32, "int8": schema.TensorType.INT8,
          "uint8": schema.TensorType.UINT8}  # fmt: skip


class GraphWriter:
    """A graph that grows in the order of execution. Tensors are named by the index that `tensor` returns.

    It starts empty, or with the main graph of `model`, an object that `unpack` returned and that is changed in place.
    """

    def __init__(self, model: schema.ModelT | None = None) -> None:
        self._model = _empty() if model is None else model
        self._graph = self._model.subgraphs[0]
        self._codes: dict[tuple[int, int], int] = {}

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        *,
        scale: np.float32 | NDArray[np.float32] | None = None,
        zero_point: int = 0,
        axis: int = 0,
        data: NDArray[Any] | None = None,
    ) -> int:
        """Add a tensor and return its index.

        If `scale` is given, real = scale * (q - zero_point); an array has a scale for each index along `axis`. A
        constant has `data`, which is stored little-endian.
        """
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), _TYPES[dtype]
        if scale is not None:
            quantization = schema.QuantizationParametersT()
            # Arrays are packed at once; the elements of a list would be packed one by one.
            quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
            quantization.zeroPoint = np.full(quantization.scale.shape, zero_point, np.int64)
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, np.dtype(dtype).newbyteorder("<")), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        else:
            tensor.buffer = 0
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def operator(self, kind: str, version: int, inputs: list[int], output: int, options: Any = None) -> int:
        """Add the operator that the schema calls `kind`, such as "CONV_2D"; return `output`.

        `options` are an object of the schema, such as `Conv2DOptionsT`.
        """
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(schema.BuiltinOperator, kind), version)
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = options
        self._graph.operators.append(operator)
        return output

    def finish(self, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
        """Return the FlatBuffer of `model`."""
        return pack(self.model(inputs, outputs))

    def model(self, inputs: dict[str, int], outputs: dict[str, int]) -> schema.ModelT:
        """Return the objects of the schema with these inputs and outputs, which are also those of the signature."""
        self._graph.inputs, self._graph.outputs = list(inputs.values()), list(outputs.values())
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = ([_map(*item) for item in part.items()] for part in (inputs, outputs))
        self._model.signatureDefs = [signature]
        return self._model

    def _code(self, kind: int, version: int) -> int:
        if (kind, version) not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, min(kind, 127), version
            self._codes[kind, version] = len(self._model.operatorCodes)
            self._model.operatorCodes = [*self._model.operatorCodes, code]
        return self._codes[kind, version]


def _empty() -> schema.ModelT:
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs = _VERSION, [graph]
    # Buffer 0 is the empty one of computed tensors.
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    graph.tensors, graph.operators = [], []
    return model


def _map(name: str, index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry
