"""Identify what a network computes, independently of the bytes of its FlatBuffer.

The layout of a FlatBuffer depends on the version of the package that wrote it, and the bytes of a model also hold names
and whatever follows an output. The content of an output is what it depends on, and that alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_cls.errors import ModelError
from edge_cls.tflite.graph import Operator, operators, text, unpack


def content_sha256(network: bytes, output: str) -> str:
    """Return the SHA-256 of everything that the tensor `output` is computed from, in hexadecimal.

    That is the operators with their options, and the shape, type, scales, zero points and constants of their tensors.
    Names, versions, the order of storage, other outputs, and a QUANTIZE that only converts `output` to another type
    have no effect. Raises ModelError if the network is damaged, has no such output, or has constants behind its
    FlatBuffer.
    """
    model = unpack(network, "the network")
    graph = model.subgraphs[0]
    found = [index for index in graph.outputs if text(graph.tensors[index].name) == output]
    if not found:
        raise ModelError(f"the network has no output {output}", hint="use a model with that output")
    if any(getattr(buffer, "offset", 0) > 1 for buffer in model.buffers):  # older schemas do not have it
        raise ModelError("the network has constants outside of its FlatBuffer", hint="store them inside")
    executed = operators(model)
    makers = {tensor.index: operator for operator in executed for tensor in operator.outputs}
    target = found[0]
    last = makers.get(target)
    if last is not None and last.name == "QUANTIZE" and last.inputs[0] is not None:
        target = last.inputs[0].index
    needed = _needed(target, makers)
    digest = hashlib.sha256()
    numbers: dict[int, int] = {}
    for stored, operator in zip(graph.operators, executed, strict=True):
        if any(tensor.index in needed for tensor in operator.outputs):
            for part in _described(model, operator, numbers):
                digest.update(len(part).to_bytes(8, "little") + part)
            if stored.customOptions is not None:  # the whole network, if it is compiled for an accelerator
                digest.update(np.asarray(stored.customOptions, np.uint8).tobytes())
    digest.update(str(numbers.get(target)).encode())
    return digest.hexdigest()


def _needed(target: int, makers: dict[int, Operator]) -> set[int]:
    """Return the indices of the tensors that `target` is computed from, itself included."""
    needed: set[int] = set()
    waiting = [target]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            if index in makers:
                waiting += [tensor.index for tensor in makers[index].inputs if tensor is not None]
    return needed


def _described(model: schema.ModelT, operator: Operator, numbers: dict[int, int]) -> Iterator[bytes]:
    """Yield the parts of the content of `operator`; `numbers` counts the tensors in the order of their first use."""
    yield f"{operator.name} {sorted(_options(operator.options))}".encode()
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor is None:
            yield b"absent"
            continue
        if tensor.index in numbers:
            yield str(numbers[tensor.index]).encode()
            continue
        numbers[tensor.index] = len(numbers)
        quantization = model.subgraphs[0].tensors[tensor.index].quantization or schema.QuantizationParametersT()
        yield f"{tensor.type} {tensor.shape}".encode()
        yield _bytes(quantization.scale, "<f4")
        yield _bytes(quantization.zeroPoint, "<i8")
        yield str(int(quantization.quantizedDimension)).encode()
        yield b"" if tensor.constant is None else tensor.constant.tobytes()


def _bytes(values: Any, dtype: str) -> bytes:
    return b"" if values is None else np.asarray(values).astype(dtype).tobytes()


def _options(options: Any) -> Iterator[tuple[str, str]]:
    """Yield the options that are not at 0: a later schema adds options, and writes them as 0 where they are unknown."""
    for name, value in vars(options).items() if options is not None else ():
        if value is not None and np.any(value):
            yield name, str(np.asarray(value).tolist() if not isinstance(value, bool) else int(value))
