"""Remove the parts of a TFLite graph that no output depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ai_edge_litert import schema_py_generated as schema


def prune(model: schema.ModelT) -> None:
    """Remove everything from the main graph of `model` that its inputs and outputs do not need.

    These are operators, tensors, constants and operator codes. The order of the rest stays. The interpreter would
    execute the operators otherwise, although no output depends on them.
    """
    graph = model.subgraphs[0]
    needed = set(graph.outputs)
    kept = []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.outputs, operator.inputs, _intermediates(operator))
            kept.append(operator)
    graph.operators = kept[::-1]
    needed.update(graph.inputs)
    graph.tensors, places = _only(graph.tensors, needed)
    graph.inputs, graph.outputs = ([places[index] for index in part] for part in (graph.inputs, graph.outputs))
    for operator in graph.operators:
        # -1 stands for an optional input that is absent.
        operator.inputs = [places.get(index, -1) for index in operator.inputs]
        operator.outputs = [places[index] for index in operator.outputs]
        operator.intermediates = [places[index] for index in _intermediates(operator) if index in places] or None
    for signature in model.signatureDefs:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = places[entry.tensorIndex]
    _prune_shared(model)


def _intermediates(operator: schema.OperatorT) -> list[int]:
    """Return the further tensors of the operator, which only an LSTM has."""
    return [] if operator.intermediates is None else [int(index) for index in operator.intermediates]


def _prune_shared(model: schema.ModelT) -> None:
    """Remove the buffers and the operator codes that no graph and no metadata use."""
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    model.metadata = [entry for entry in model.metadata if entry.buffer < len(model.buffers)]
    # Buffer 0 is the empty one of computed tensors.
    used = {0, *(tensor.buffer for tensor in tensors), *(entry.buffer for entry in model.metadata)}
    model.buffers, places = _only(model.buffers, used)
    for holder in (*tensors, *model.metadata):
        holder.buffer = places[holder.buffer]
    model.metadataBuffer = None  # the older list of what `metadata` names
    model.operatorCodes, places = _only(model.operatorCodes, {operator.opcodeIndex for operator in operators})
    for operator in operators:
        operator.opcodeIndex = places[operator.opcodeIndex]


def _only(parts: Iterable[Any], wanted: set[int]) -> tuple[list[Any], Mapping[int, int]]:
    """Return the parts with the indices `wanted`, and the new index of each by its old one."""
    kept = [(index, part) for index, part in enumerate(parts) if index in wanted]
    return [part for _, part in kept], {old: new for new, (old, _) in enumerate(kept)}
