"""Read the graph inside a TFLite FlatBuffer, without TensorFlow.

`unpack` is the one way in: the objects that it returns can be walked without another check.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.errors import ModelError

MAX_PARTS = 50_000
"""Limit for the tensors, the operators and the buffers of a model; the largest published ones have a tenth of that."""


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int) and name[0].isupper()}


_OPERATORS, _TYPES = _names(schema.BuiltinOperator), _names(schema.TensorType)
_DTYPES = {"FLOAT32": "<f4", "INT32": "<i4", "INT8": "<i1", "UINT8": "<u1"}


@dataclass(frozen=True, eq=False)
class TensorInfo:
    """The description of a tensor in the graph.

    `type` is its type by the schema's name, such as `INT8`. If it is quantised with one scale, real = scale * (q -
    zero_point); otherwise `scale` is 0, and `quantized` is true if it has a scale per channel. `constant` holds the
    bytes of a constant; None if the tensor is computed. `resizable` is true if a dimension besides the batch is open.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    quantized: bool
    scale: float
    zero_point: int
    resizable: bool
    constant: NDArray[np.uint8] | None

    @property
    def size(self) -> int:
        """The number of its elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator of the graph. An optional input that is absent is None; `options` are an object of the schema."""

    name: str
    version: int
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo, ...]
    options: Any

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """All tensors that it reads or writes."""
        return tuple(tensor for tensor in (*self.inputs, *self.outputs) if tensor is not None)

    @property
    def computes_in_float(self) -> bool:
        """Whether it reads or writes a floating-point tensor."""
        return any(tensor.type.startswith("FLOAT") for tensor in self.tensors)

    @property
    def label(self) -> str:
        """Its name in messages: `OPERATOR (output tensor)`."""
        return f"{self.name} ({self.outputs[0].name if self.outputs else ''})"


def unpack(network: bytes, name: str) -> schema.ModelT:
    """Return the FlatBuffer `network` as objects of the schema, in which every index is in range.

    Raises ModelError, whose message calls the model `name`, if the FlatBuffer is damaged or malicious: its parts may
    not add up to more bytes than the file has.
    """
    try:
        if network[4:8] != b"TFL3":
            raise ValueError("it is not a TFLite model")
        _check_lengths(schema.Model.GetRootAs(network, 0), len(network))
        model = schema.ModelT.InitFromPackedBuf(network, 0)
        _check_indices(model)
    except (struct.error, LookupError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        # The FlatBuffers of Python check nothing, so that damaged bytes raise any of these.
        reason = error if isinstance(error, ValueError) else "it is cut off, or points beyond its end"
        raise ModelError(f"{name} is damaged ({reason})", hint="copy or download it again") from error
    return model


def _check_lengths(model: Any, size: int) -> None:
    """Raise ValueError if the vectors together are longer than the file, though each of them lies inside it."""
    spent = _count(model.BuffersLength(), model.SubgraphsLength(), model.OperatorCodesLength(), model.MetadataLength())
    for i in range(model.BuffersLength()):
        spent += model.Buffers(i).DataLength()
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        spent += _count(graph.TensorsLength(), graph.OperatorsLength(), graph.InputsLength(), graph.OutputsLength())
        for j in range(graph.TensorsLength()):
            tensor = graph.Tensors(j)
            spent += len(tensor.Name() or b"") + _count(tensor.ShapeLength(), tensor.ShapeSignatureLength())
        for j in range(graph.OperatorsLength()):
            operator = graph.Operators(j)
            spent += _count(operator.InputsLength(), operator.OutputsLength()) + operator.CustomOptionsLength()
        if spent > size:
            break
    if spent > size:
        raise ValueError("its parts are larger than the file")


def _count(*lengths: int) -> int:
    if max(lengths) > MAX_PARTS:
        raise ValueError(f"it has a list of {max(lengths)} parts")
    return sum(lengths)


def _check_indices(model: schema.ModelT) -> None:
    """Raise ValueError if an index is out of range. Absent lists become empty ones."""
    model.metadata, model.signatureDefs = list(_some(model.metadata)), list(_some(model.signatureDefs))
    # Buffer 0 is the empty buffer of computed tensors; a file without constants may lack it.
    model.buffers, model.operatorCodes = list(_some(model.buffers)) or [schema.BufferT()], _some(model.operatorCodes)
    if not model.subgraphs:
        raise ValueError("it has no graph")
    for graph in model.subgraphs:
        graph.tensors, graph.operators = list(_some(graph.tensors)), list(_some(graph.operators))
        graph.inputs, graph.outputs = ([int(index) for index in _some(part)] for part in (graph.inputs, graph.outputs))
        for operator in graph.operators:
            operator.inputs = [int(index) for index in _some(operator.inputs)]
            operator.outputs = [int(index) for index in _some(operator.outputs)]
        _check_range((tensor.buffer for tensor in graph.tensors), len(model.buffers))
        _check_range((operator.opcodeIndex for operator in graph.operators), len(model.operatorCodes))
        reads = itertools.chain.from_iterable(operator.inputs for operator in graph.operators)
        writes = itertools.chain.from_iterable(operator.outputs for operator in graph.operators)
        _check_range((index for index in reads if index != -1), len(graph.tensors))
        _check_range(itertools.chain(writes, graph.inputs, graph.outputs), len(graph.tensors))


def _some(part: Any) -> Any:
    return () if part is None else part


def _check_range(indices: Iterable[int], count: int) -> None:
    for index in indices:
        if not 0 <= index < count:
            raise ValueError(f"its part {index} of {count} does not exist")


def tensor_info(model: schema.ModelT, index: int) -> TensorInfo:
    """Return the description of a tensor of the main graph."""
    tensor = model.subgraphs[0].tensors[index]
    quantization = tensor.quantization or schema.QuantizationParametersT()
    scales, zeros = _some(quantization.scale), _some(quantization.zeroPoint)
    shape, signature = (tuple(int(n) for n in _some(part)) for part in (tensor.shape, tensor.shapeSignature))
    return TensorInfo(
        index=index,
        name=text(tensor.name),
        shape=shape,
        type=_TYPES.get(tensor.type, f"type {tensor.type}"),
        quantized=len(scales) > 0,
        scale=float(scales[0]) if len(scales) == len(zeros) == 1 else 0.0,
        zero_point=int(zeros[0]) if len(zeros) == 1 else 0,
        resizable=-1 in signature[1:] or -1 in shape,
        constant=None if (data := model.buffers[tensor.buffer].data) is None else np.asarray(data, np.uint8),
    )


def constant_values(tensor: TensorInfo) -> NDArray[Any] | None:
    """Return the numbers of a constant in its shape; None if the tensor is computed.

    Raises ModelError if its bytes do not fit its shape, or its type is not float32, int32, int8 or uint8.
    """
    if tensor.constant is None or not len(tensor.constant):
        return None
    try:
        return np.frombuffer(tensor.constant.tobytes(), _DTYPES[tensor.type]).reshape(tensor.shape)
    except (KeyError, ValueError):
        raise ModelError(
            f"{len(tensor.constant)} bytes of {tensor.name} are not {tensor.type} {tensor.shape}",
            hint="copy or download the model again",
        ) from None


def operators(model: schema.ModelT) -> list[Operator]:
    """Return the operators of the main graph in the order of execution."""
    infos = [tensor_info(model, index) for index in range(len(model.subgraphs[0].tensors))]
    found = []
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        # The older field holds the codes up to 127 only, and older files lack the newer one.
        name = _OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")
        found.append(
            Operator(
                name=text(code.customCode) if name == "CUSTOM" else name,
                version=code.version,
                inputs=tuple(infos[index] if index >= 0 else None for index in operator.inputs),
                outputs=tuple(infos[index] for index in operator.outputs),
                options=operator.builtinOptions,
            )
        )
    return found


def float_operators(network: bytes) -> list[str]:
    """Return the operators that compute in floating point, in order, as `OPERATOR (output tensor)`."""
    return [one.label for one in operators(unpack(network, "the network")) if one.computes_in_float]


def text(name: Any) -> str:
    """Return a string of the schema's objects as str, "" if it is absent."""
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")
