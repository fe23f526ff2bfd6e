"""What a network is made of, read from its FlatBuffer: its tensors and its operators. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass

from edge_cls.core.flatbuffer import Table
from edge_cls.errors import ModelError

# TensorType and BuiltinOperator.CUSTOM of TFLite's schema.
_TYPES = (
    *("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64"),
    *("complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4"),
    *("float8_e4m3fn", "float8_e5m2"),
)
_CUSTOM = 32


@dataclass(frozen=True)
class TensorInfo:
    """A tensor. `channels` counts the scales of one that is quantised per channel; `scale` is then the first of them.

    real = scale * (q - zero_point). Where it is not quantised `channels` and `scale` are 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    channels: int


@dataclass(frozen=True)
class Operator:
    """An operator and the tensors it touches. `kind` is its number in TFLite's schema, or the name of a custom one."""

    kind: int | str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def computes_in_float(self) -> bool:
        """Whether it reads or writes a floating-point tensor."""
        return any(tensor.dtype in ("float16", "float32", "float64") for tensor in (*self.inputs, *self.outputs))


@dataclass(frozen=True)
class Network:
    """The main graph of a network, its inputs and outputs in the order in which an interpreter gives them."""

    description: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: tuple[Operator, ...]
    subgraphs: int


def read_network(content: bytes) -> Network:
    """Return what the network in `content` is made of. Raises ModelError where it is damaged."""
    model = Table.root(content)
    graphs = model.targets(2)
    if not graphs:
        raise _damaged()
    graph = next(model.tables(2))
    tensors = [_tensor(table) for table in graph.tables(0)]
    kinds = [_kind(table) for table in model.tables(1)]

    def touched(table: Table, slot: int) -> tuple[TensorInfo, ...]:
        # -1 stands for an optional input that is not given.
        return tuple(tensors[index] for index in table.numbers(slot, "i") if index >= 0)

    try:
        operators = tuple(
            Operator(kinds[table.number(0, "I")], touched(table, 1), touched(table, 2)) for table in graph.tables(3)
        )
        return Network(model.text(3), touched(graph, 1), touched(graph, 2), operators, len(graphs))
    except IndexError:
        raise _damaged() from None


def _kind(table: Table) -> int | str:
    old, custom = table.number(0, "b"), table.text(1)
    # The old field has one byte, and holds less than the number of a later operator.
    return custom if old == _CUSTOM else int(max(old, table.number(3, "i")))


def _tensor(table: Table) -> TensorInfo:
    kind = table.number(1, "b")
    quantization = table.table(4)
    scales = zeros = (0,)
    channels = 0
    if quantization is not None:
        channels = quantization.count(2)
        scales = quantization.numbers(2, "f", most=1) or (0.0,)
        zeros = quantization.numbers(3, "q", most=1) or (0,)
    return TensorInfo(
        name=table.text(3),
        shape=tuple(table.numbers(0, "i", most=8)),
        dtype=_TYPES[kind] if 0 <= kind < len(_TYPES) else f"type {kind}",
        scale=float(scales[0]),
        zero_point=int(zeros[0]),
        channels=channels,
    )


def _damaged() -> ModelError:
    return ModelError("the network is damaged", mend="copy the file again from where it was made")
