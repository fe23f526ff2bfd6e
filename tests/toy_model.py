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
    options = schema.GatherOptionsT()
    options.axis = 1
    tensors = [
        _tensor("pixels", (1, 8, 8, 3), UINT8),
        _tensor("row", (1,), INT32, buffer=1),
        _tensor("out", (1, 1, 8, 3), UINT8),
    ]
    return _write(
        path,
        tensors,
        inputs=[0],
        outputs=[2],
        constant=np.array([999], np.int32),
        operators=[_operator(0, [0, 1], [2], "GatherOptions", options)],
        codes=(schema.BuiltinOperator.GATHER,),
    )


def write_classifier(path: Path, *, side: int = 8, softmax: bool = True) -> Path:
    """Write a float model: the mean of all pixels, AVERAGE_POOL_2D `pooled`, ten times that, and the softmax of it.

    Without `softmax` it ends with what the softmax would be of. Its three classes are red, green and blue.
    """
    tensors = [
        _tensor("pixels", (1, side, side, 3), FLOAT32),
        _tensor("pooled", (1, 1, 1, 3), FLOAT32),
        _tensor("weights", (3, 3), FLOAT32, buffer=1),
        _tensor("logits", (1, 3), FLOAT32),
        _tensor("scores", (1, 3), FLOAT32),
    ]
    pool, dense, last = schema.Pool2DOptionsT(), schema.FullyConnectedOptionsT(), schema.SoftmaxOptionsT()
    pool.padding, pool.strideW, pool.strideH, pool.filterWidth, pool.filterHeight = 1, 1, 1, side, side
    last.beta = 1.0
    operators = [
        _operator(0, [0], [1], "Pool2DOptions", pool),
        _operator(1, [1, 2, -1], [3], "FullyConnectedOptions", dense),
        _operator(2, [3], [4], "SoftmaxOptions", last),
    ]
    kinds = schema.BuiltinOperator
    return _write(
        path,
        tensors,
        inputs=[0],
        outputs=[4 if softmax else 3],
        constant=10 * np.eye(3, dtype=np.float32).reshape(-1),
        operators=operators if softmax else operators[:-1],
        codes=(kinds.AVERAGE_POOL_2D, kinds.FULLY_CONNECTED, kinds.SOFTMAX),
    )


def _operator(code: int, inputs: list[int], outputs: list[int], kind: str, options: Any) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, kind), options
    return operator


def _tensor(name: str, shape: tuple[int, ...], dtype: int, buffer: int = 0) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), dtype, buffer
    return tensor


def _write(
    path: Path,
    tensors: list[Any],
    *,
    inputs: list[int],
    outputs: list[int],
    constant: Any = None,
    operators: list[Any] | None = None,
    codes: tuple[int, ...] = (),
) -> Path:
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [], [schema.BufferT()]
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, inputs, outputs, operators or []
    if constant is not None:
        buffer = schema.BufferT()
        buffer.data = constant.view(np.uint8)
        model.buffers.append(buffer)
    for builtin in codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        model.operatorCodes.append(code)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
