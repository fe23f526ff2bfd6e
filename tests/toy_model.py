"""TFLite models that are small enough to be understood completely, written without TensorFlow."""

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
MIX = np.array([[0.5, -0.25, 0.125], [0.3, 0.4, 0.5]])
BIAS = np.array([0.2, -0.1])


def write_mean_color(path: Path, *, dtype: int = UINT8, side: int = 1) -> Path:
    """Write a model that returns its input: with one pixel, the mean colour of the frame, in [0, 1]."""
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
    """Write a model that can be loaded but fails while it runs: it gathers a row that its input does not have."""
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

    Without `softmax` it ends with the input of the softmax. Its three classes are red, green and blue.
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


def convolution(*, quantized: bool, bias_error: float = 0.0) -> bytes:
    """Return a network of one 1 x 1 convolution, `mix`: 3 colours in [-1, 1] to 2 numbers, by `MIX` and `BIAS`.

    Quantised, it is the int8 twin, whose pixels are bytes and whose bias is wrong by `bias_error`.
    """
    step, weight_steps, out_step = 2 / 255, np.abs(MIX).max(axis=1) / 127, 4 / 255
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    kinds = [schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.QUANTIZE]
    model.operatorCodes = [_code(kind, version) for kind, version in zip(kinds, (3, 2), strict=True)]
    conv = schema.OperatorT()
    conv.opcodeIndex, conv.inputs, conv.outputs = 0, [0, 1, 2], [3]
    conv.builtinOptionsType, conv.builtinOptions = schema.BuiltinOptions.Conv2DOptions, schema.Conv2DOptionsT()
    conv.builtinOptions.strideW = conv.builtinOptions.strideH = 1
    kernel, bias = MIX.reshape(2, 1, 1, 3).astype(np.float32), BIAS.astype(np.float32)
    graph.tensors = [
        _tensor("pixels", (1, 4, 4, 3), INT8 if quantized else FLOAT32),
        _tensor("kernel", (2, 1, 1, 3), INT8 if quantized else FLOAT32, _constant(model, kernel)),
        _tensor("bias", (2,), INT32 if quantized else FLOAT32, _constant(model, bias)),
        _tensor("mix", (1, 4, 4, 2), INT8 if quantized else FLOAT32),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [3], [conv]
    if quantized:
        scales = weight_steps * step
        model.buffers[1].data = np.rint(MIX / weight_steps[:, None]).astype(np.int8).view(np.uint8).reshape(-1)
        model.buffers[2].data = np.rint((BIAS + bias_error) / scales).astype(np.int32).view(np.uint8)
        for tensor, steps, zero in zip(
            graph.tensors, ([step], weight_steps, scales, [out_step]), ([-1], [0, 0], [0, 0], [0]), strict=True
        ):
            tensor.quantization = _affine(steps, zero)
        graph.tensors.append(_tensor("image", (1, 4, 4, 3), UINT8))
        graph.tensors[4].quantization = _affine([step], [127])
        to_int8 = schema.OperatorT()
        to_int8.opcodeIndex, to_int8.inputs, to_int8.outputs = 1, [4], [0]
        graph.inputs, graph.operators = [4], [to_int8, conv]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _affine(scale: Any, zero_point: list[int]) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = [float(step) for step in scale], zero_point
    return quantization


def _code(kind: int, version: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = version
    return code


def _constant(model: Any, values: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = values.reshape(-1).view(np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


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
