"""The graph inside a TFLite FlatBuffer: look at it and edit it. Needs no TensorFlow."""

from __future__ import annotations

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from edge_cls.network import read_network

_OPERATORS = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int) and name.isupper()
}


def operator_name(kind: int | str) -> str:
    """Return what the schema calls the operator `kind`, a number; a custom one has its own name."""
    return kind if isinstance(kind, str) else _OPERATORS.get(kind, f"operator {kind}")


def float_operators(network: bytes) -> list[str]:
    """Return the operators that compute in floating point, in order, as `OPERATOR (output tensor)`.

    Raises ModelError where the network is damaged.
    """
    return [
        f"{operator_name(operator.kind)} ({operator.outputs[0].name if operator.outputs else ''})"
        for operator in read_network(network).operators
        if operator.computes_in_float
    ]


def name_tensors(network: bytes, inputs: list[str]) -> bytes:
    """Return the network with its input tensors called `inputs`, and its outputs as its signature calls them."""
    model = schema.ModelT.InitFromPackedBuf(network, 0)
    graph = model.subgraphs[0]
    for index, name in zip(graph.inputs, inputs, strict=True):
        graph.tensors[index].name = name
    for output in model.signatureDefs[0].outputs:
        graph.tensors[output.tensorIndex].name = _text(output.name)
    return pack(model)


def portable_outputs(network: bytes) -> bytes:
    """Return the network with outputs that MediaPipe reads: `probability` first, and uint8 where they were int8.

    MediaPipe refuses int8 outputs, and what its result shows first is the first output. The numbers stand for the same
    real values as before: a QUANTIZE at the end adds 128 to each, and the zero point moves by as much.
    """
    model = schema.ModelT.InitFromPackedBuf(network, 0)
    graph = model.subgraphs[0]
    outputs = sorted(
        (int(index) for index in graph.outputs), key=lambda i: _text(graph.tensors[i].name) != "probability"
    )
    moved = {i: _append_uint8(model, i) for i in outputs if graph.tensors[i].type == schema.TensorType.INT8}
    if not moved and outputs == list(graph.outputs):
        return network
    graph.outputs = [moved.get(index, index) for index in outputs]
    for signature in model.signatureDefs or []:
        for output in signature.outputs:
            output.tensorIndex = moved.get(output.tensorIndex, output.tensorIndex)
    return pack(model)


def _append_uint8(model: schema.ModelT, index: int) -> int:
    """Append an operator from the int8 tensor `index`, which gives its name away, to uint8; return the new tensor."""
    graph = model.subgraphs[0]
    source, target, operator = graph.tensors[index], schema.TensorT(), schema.OperatorT()
    target.name, target.type, target.buffer = _text(source.name), schema.TensorType.UINT8, 0
    target.shape, target.shapeSignature = source.shape, source.shapeSignature
    target.quantization = schema.QuantizationParametersT()
    target.quantization.scale = source.quantization.scale
    target.quantization.zeroPoint = [int(zero) + 128 for zero in source.quantization.zeroPoint]
    source.name = f"{target.name}_int8"
    graph.tensors.append(target)
    operator.opcodeIndex = _requantize_code(model)
    operator.inputs, operator.outputs = [index], [len(graph.tensors) - 1]
    operator.builtinOptionsType, operator.builtinOptions = (
        schema.BuiltinOptions.QuantizeOptions,
        schema.QuantizeOptionsT(),
    )
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _requantize_code(model: schema.ModelT) -> int:
    """Return the index of the operator code of QUANTIZE for integers, added where the network has none."""
    wanted = (schema.BuiltinOperator.QUANTIZE, 2)
    for index, code in enumerate(model.operatorCodes):
        if (code.builtinCode, code.version) == wanted:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = wanted[0]
    code.version = wanted[1]
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def pack(model: schema.ModelT) -> bytes:
    """Return the FlatBuffer of `model`."""
    builder = flatbuffers.Builder(2**20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
