"""Edit the graph inside a TFLite FlatBuffer, and write it, without TensorFlow."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_cls.tflite.graph import text, unpack

_SOFTMAX_ZERO = {schema.TensorType.INT8: -128, schema.TensorType.UINT8: 0}


def name_tensors(network: bytes, inputs: list[str]) -> bytes:
    """Return the network with its input tensors named `inputs`, and its outputs named as in its signature."""
    model = unpack(network, "the network")
    graph = model.subgraphs[0]
    for index, name in zip(graph.inputs, inputs, strict=True):
        graph.tensors[index].name = name
    for output in model.signatureDefs[0].outputs:
        graph.tensors[output.tensorIndex].name = text(output.name)
    return pack(model)


def portable_outputs(network: bytes) -> bytes:
    """Return the network with outputs that MediaPipe reads: `probability` first, and uint8 instead of int8.

    MediaPipe refuses int8 outputs, and shows the first output first. The real values stay the same: a QUANTIZE operator
    at the end adds 128 to each number, and the zero point is 128 higher.
    """
    model = unpack(network, "the network")
    return pack(model) if make_portable(model) else network


def make_portable(model: schema.ModelT) -> bool:
    """Change the outputs of `model` as `portable_outputs` does; return whether anything had to be changed."""
    graph = model.subgraphs[0]
    outputs = sorted(graph.outputs, key=lambda i: text(graph.tensors[i].name) != "probability")
    moved = {i: _add_uint8(model, i) for i in outputs if graph.tensors[i].type == schema.TensorType.INT8}
    if not moved and outputs == graph.outputs:
        return False
    graph.outputs = [moved.get(index, index) for index in outputs]
    for signature in model.signatureDefs:
        for output in signature.outputs:
            output.tensorIndex = moved.get(output.tensorIndex, output.tensorIndex)
    return True


def _add_uint8(model: schema.ModelT, index: int) -> int:
    """Add an operator that converts the int8 tensor `index` to uint8; return the new tensor, which takes its name."""
    source = model.subgraphs[0].tensors[index]
    target = _tensor_like(source, text(source.name), schema.TensorType.UINT8)
    target.quantization = schema.QuantizationParametersT()
    target.quantization.scale = source.quantization.scale
    target.quantization.zeroPoint = [int(zero) + 128 for zero in source.quantization.zeroPoint]
    source.name = f"{target.name}_int8"
    quantize = schema.OperatorT()
    quantize.builtinOptionsType, quantize.builtinOptions = (
        schema.BuiltinOptions.QuantizeOptions,
        schema.QuantizeOptionsT(),
    )
    return _append(model, quantize, schema.BuiltinOperator.QUANTIZE, 2, index, target)


def set_outputs(model: schema.ModelT, outputs: dict[str, int]) -> None:
    """Name the input `image`, and make the tensors of `outputs` the named outputs, also in the signature."""
    graph = model.subgraphs[0]
    graph.outputs = list(outputs.values())
    for name, index in (("image", graph.inputs[0]), *outputs.items()):
        graph.tensors[index].name = name
    for signature in model.signatureDefs[:1]:
        signature.inputs, signature.outputs = _tensor_map({"image": graph.inputs[0]}), _tensor_map(outputs)
    del model.signatureDefs[1:]
    # The old metadata describes the old outputs.
    model.metadata = [entry for entry in model.metadata if text(entry.name) != "TFLITE_METADATA"]


def add_softmax(model: schema.ModelT, index: int) -> int:
    """Append a softmax of the tensor `index`, which must be computed last; return the index of its output."""
    logits = model.subgraphs[0].tensors[index]
    output = _tensor_like(logits, "probability", logits.type)
    quantized = logits.type in _SOFTMAX_ZERO
    if quantized:
        # The kernel supports only this scale: 256 steps of [0, 1].
        output.quantization = schema.QuantizationParametersT()
        output.quantization.scale, output.quantization.zeroPoint = [1 / 256], [_SOFTMAX_ZERO[logits.type]]
    softmax = schema.OperatorT()
    softmax.builtinOptionsType, softmax.builtinOptions = schema.BuiltinOptions.SoftmaxOptions, schema.SoftmaxOptionsT()
    softmax.builtinOptions.beta = 1.0
    return _append(model, softmax, schema.BuiltinOperator.SOFTMAX, 2 if quantized else 1, index, output)


def _tensor_like(other: schema.TensorT, name: str, kind: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape, tensor.shapeSignature = name, kind, other.shape, other.shapeSignature
    return tensor


def _append(
    model: schema.ModelT, operator: schema.OperatorT, kind: int, version: int, source: int, target: schema.TensorT
) -> int:
    """Append `operator`, from the tensor `source` to the new tensor `target`; return the index of `target`."""
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = version
    model.operatorCodes = [*model.operatorCodes, code]
    graph.tensors.append(target)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [source], [len(graph.tensors) - 1]
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _tensor_map(tensors: dict[str, int]) -> list[schema.TensorMapT]:
    entries = []
    for name, index in tensors.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, index
        entries.append(entry)
    return entries


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose data starts at a multiple of 16 bytes, as the schema demands, unlike with Python's `Pack`."""

    def Pack(self, builder: flatbuffers.Builder) -> Any:  # noqa: N802 - the name is the generated code's
        if self.data is None:
            return super().Pack(builder)
        content = np.asarray(self.data, np.uint8).tobytes()
        builder.Prep(16, len(content))
        data = builder.CreateByteVector(content)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def pack(model: schema.ModelT) -> bytes:
    """Return the FlatBuffer of `model`. The same model gives the same bytes."""
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = flatbuffers.Builder(2**20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
