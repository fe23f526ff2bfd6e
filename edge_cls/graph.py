"""The graph inside a TFLite FlatBuffer: look at it and edit it. Needs no TensorFlow."""

from __future__ import annotations

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

_OPERATORS = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int) and name.isupper()
}
_FLOAT = {schema.TensorType.FLOAT16, schema.TensorType.FLOAT32, schema.TensorType.FLOAT64}


def float_operators(network: bytes) -> list[str]:
    """Return the operators that compute in floating point, in order, as `OPERATOR (output tensor)`."""
    model = schema.ModelT.InitFromPackedBuf(network, 0)
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        touched = [*operator.inputs, *operator.outputs]
        if any(graph.tensors[index].type in _FLOAT for index in touched if index >= 0):
            code = model.operatorCodes[operator.opcodeIndex]
            name = _OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")
            found.append(f"{name} ({_text(graph.tensors[operator.outputs[0]].name)})")
    return found


def name_tensors(network: bytes, inputs: list[str]) -> bytes:
    """Return the network with its input tensors called `inputs`, and its outputs as its signature calls them."""
    model = schema.ModelT.InitFromPackedBuf(network, 0)
    graph = model.subgraphs[0]
    for index, name in zip(graph.inputs, inputs, strict=True):
        graph.tensors[index].name = name
    for output in model.signatureDefs[0].outputs:
        graph.tensors[output.tensorIndex].name = _text(output.name)
    return pack(model)


def pack(model: schema.ModelT) -> bytes:
    """Return the FlatBuffer of `model`."""
    builder = flatbuffers.Builder(2**20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
