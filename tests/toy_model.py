"""TFLite models small enough to be understood wholly, written without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

UINT8, INT8, FLOAT32, INT32 = (
    schema.TensorType.UINT8,
    schema.TensorType.INT8,
    schema.TensorType.FLOAT32,
    schema.TensorType.INT32,
)


def write_mean_color(path: Path, *, dtype: int = UINT8, side: int = 1) -> Path:
    """Write a model that gives its input back: with one pixel, the mean colour of the frame, in [0, 1]."""
    pixels = _tensor("pixels", (1, side, side, 3), dtype)
    if dtype in (UINT8, INT8):
        pixels.quantization = schema.QuantizationParametersT()
        pixels.quantization.scale = [1 / 255]
        pixels.quantization.zeroPoint = [0 if dtype == UINT8 else -128]
    return _write(path, [pixels], inputs=[0], outputs=[0])


def write_two_inputs(path: Path) -> Path:
    """Write a model that takes two images."""
    tensors = [_tensor("left", (1, 8, 8, 3), UINT8), _tensor("right", (1, 8, 8, 3), UINT8)]
    return _write(path, tensors, inputs=[0, 1], outputs=[0])


def write_failing(path: Path) -> Path:
    """Write a model that loads, and fails when it runs: it gathers a row that its input does not have."""
    gather = schema.OperatorT()
    gather.inputs, gather.outputs = [0, 1], [2]
    gather.builtinOptionsType, gather.builtinOptions = schema.BuiltinOptions.GatherOptions, schema.GatherOptionsT()
    gather.builtinOptions.axis = 1
    tensors = [
        _tensor("pixels", (1, 8, 8, 3), UINT8),
        _tensor("row", (1,), INT32, buffer=1),
        _tensor("out", (1, 1, 8, 3), UINT8),
    ]
    return _write(path, tensors, inputs=[0], outputs=[2], constant=np.array([999], np.int32), operator=gather)


def _tensor(name: str, shape: tuple[int, ...], dtype: int, buffer: int = 0) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), dtype, buffer
    return tensor


def _write(
    path: Path, tensors: list[Any], *, inputs: list[int], outputs: list[int], constant: Any = None, operator: Any = None
) -> Path:
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [], [schema.BufferT()]
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, inputs, outputs, []
    if constant is not None:
        buffer = schema.BufferT()
        buffer.data = constant.view(np.uint8)
        model.buffers.append(buffer)
    if operator is not None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
        code.version = 1
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
