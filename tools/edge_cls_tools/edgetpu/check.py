"""What of a model an Edge TPU would compute, told without its compiler.

This is a forecast from what is documented. The compiler also has limits that nobody has written down, most of them
about very large tensors: it has the last word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_cls.backends.names import BACKENDS
from edge_cls.model.file import read_model
from edge_cls.tflite.graph import Operator, TensorInfo, operators, unpack
from edge_cls_tools.edgetpu.operators import SUPPORTED, Problem

_COMPILED = BACKENDS["edgetpu"].operator
_BYTES = ("INT8", "UINT8")
_SECOND = Problem(
    "it comes after an operator on the CPU, and the compiler maps one connected part alone",
    "mend the operators before it",
)

_LEFT = Problem("the compiler left it on the CPU", "check the model that this one was compiled from")


@dataclass(frozen=True)
class Verdict:
    """An operator by its place in the graph and the name of what it computes; no `problems` means that it maps."""

    index: int
    operator: str
    version: int
    output: str
    problems: tuple[Problem, ...]

    @property
    def maps(self) -> bool:
        """Whether the Edge TPU would compute it."""
        return not self.problems


@dataclass(frozen=True)
class Check:
    """A model's operators in order. Of one that is `compiled` already, those that its compiler mapped are one."""

    compiled: bool
    verdicts: tuple[Verdict, ...]

    @property
    def mapped(self) -> int:
        """How many operators map."""
        return sum(verdict.maps for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether all operators map, or the compiler has mapped what it could already."""
        return self.compiled or (bool(self.verdicts) and self.mapped == len(self.verdicts))


def check(path: Path) -> Check:
    """Return which operators of the model at `path` an Edge TPU would compute. Raises ModelError."""
    model = unpack(read_model(path).network, str(path))
    graph = operators(model)
    verdicts: list[Verdict] = []
    compiled = any(operator.name == _COMPILED for operator in graph)
    begun: set[int] = set()  # tensors that the Edge TPU has had a part in
    left: set[int] = set()  # those that came back from it to the CPU
    for index, operator in enumerate(graph):
        reads = {tensor.index for tensor in operator.inputs if tensor is not None}
        problems = tuple(_problems(operator, compiled=compiled))
        if not problems and reads & left:
            problems = (_SECOND,)
        writes = {tensor.index for tensor in operator.outputs}
        if not problems or reads & begun:
            begun |= writes
        if reads & left or (problems and reads & begun):
            left |= writes
        output = operator.outputs[0].name if operator.outputs else ""
        verdicts.append(Verdict(index, operator.name, operator.version, output, problems))
    return Check(compiled, tuple(verdicts))


def _problems(operator: Operator, *, compiled: bool) -> Iterator[Problem]:
    if compiled:
        if operator.name != _COMPILED:
            yield _LEFT
        return
    supported = SUPPORTED.get(operator.name)
    if supported is None:
        yield Problem("the Edge TPU has no such operator", "replace the layer by others")
        return
    if operator.version > supported.version:
        yield Problem(
            f"its version is {operator.version}, and the compiler knows up to {supported.version}",
            "convert with an older TensorFlow, or replace the layer",
        )
    computed = [tensor for tensor in operator.tensors if tensor.constant is None]
    yield from _about_tensors(operator, computed)
    if any(_is_computed(operator, place) for place in supported.constants):
        yield Problem("one of its parameters is computed and no constant", "make weights, axes and shapes constants")
    elif not any(tensor.resizable for tensor in computed):
        for limit in supported.limits:
            try:
                yield from limit(operator)
            except (LookupError, AttributeError, ZeroDivisionError):
                # A limit reads inputs, options and shapes that this kind of operator always has.
                yield Problem("it is not built as its kind is", "convert the model again")


def _about_tensors(operator: Operator, computed: list[TensorInfo]) -> Iterator[Problem]:
    types = sorted({tensor.type for tensor in computed if tensor.type not in _BYTES or not tensor.quantized})
    constants = {one.type for one in operator.tensors if one.constant is not None} - {*_BYTES, "INT32"}
    if types or constants:
        yield Problem(
            f"it computes with {', '.join(types or sorted(constants))}",
            "quantise the whole model, its input and output too: edge-cls quantize",
        )
    if any(tensor.resizable for tensor in computed):
        yield Problem("the size of a tensor is left open", "convert with a fixed input size")
    for tensor in computed:
        if any(size > 1 for size in tensor.shape[:-3]):
            yield Problem(
                f"it has a tensor of {' x '.join(map(str, tensor.shape))}",
                "use a batch of one, and sizes above 1 in the last three dimensions alone",
            )
            break


def _is_computed(operator: Operator, place: int) -> bool:
    tensor = operator.inputs[place] if place < len(operator.inputs) else None
    return tensor is not None and tensor.constant is None
