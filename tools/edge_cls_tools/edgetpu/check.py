"""Predicts which operators of a model an Edge TPU would run, without its compiler.

The prediction follows the documentation. The compiler also has undocumented limits, mostly on very large tensors, so
only its own log is certain.
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
    "it follows an operator on the CPU, and the compiler maps only the first connected part",
    "fix the operators before it",
)

_LEFT = Problem("the compiler left it on the CPU", "check the model before compilation")


@dataclass(frozen=True)
class Verdict:
    """The result for one operator: its index in the graph, name, version and output; it maps if `problems` is empty."""

    index: int
    operator: str
    version: int
    output: str
    problems: tuple[Problem, ...]

    @property
    def maps(self) -> bool:
        """Whether the Edge TPU would run the operator."""
        return not self.problems


@dataclass(frozen=True)
class Check:
    """The operators of a model in order. In a `compiled` model all mapped operators are fused into one."""

    compiled: bool
    verdicts: tuple[Verdict, ...]

    @property
    def mapped(self) -> int:
        """Number of operators that map."""
        return sum(verdict.maps for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether all operators map, or the model is compiled already."""
        return self.compiled or (bool(self.verdicts) and self.mapped == len(self.verdicts))


def check(path: Path) -> Check:
    """Return which operators of the model at `path` an Edge TPU would run. Raises ModelError if it cannot be read."""
    model = unpack(read_model(path).network, str(path))
    graph = operators(model)
    verdicts: list[Verdict] = []
    compiled = any(operator.name == _COMPILED for operator in graph)
    on_tpu: set[int] = set()  # tensors that depend on an operator of the Edge TPU
    back_on_cpu: set[int] = set()  # of these, the ones that also depend on a later operator of the CPU
    for index, operator in enumerate(graph):
        reads = {tensor.index for tensor in operator.inputs if tensor is not None}
        problems = tuple(_problems(operator, compiled=compiled))
        if not problems and reads & back_on_cpu:
            problems = (_SECOND,)
        writes = {tensor.index for tensor in operator.outputs}
        if not problems or reads & on_tpu:
            on_tpu |= writes
        if reads & back_on_cpu or (problems and reads & on_tpu):
            back_on_cpu |= writes
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
        yield Problem("the Edge TPU does not support this operator", "replace the layer")
        return
    if operator.version > supported.version:
        yield Problem(
            f"its version is {operator.version}, but the compiler supports at most {supported.version}",
            "convert with an older TensorFlow, or replace the layer",
        )
    computed = [tensor for tensor in operator.tensors if tensor.constant is None]
    yield from _about_tensors(operator, computed)
    if any(_is_computed(operator, place) for place in supported.constants):
        yield Problem("one of its parameters is computed, not constant", "make weights, axes and shapes constant")
    elif not any(tensor.resizable for tensor in computed):
        for limit in supported.limits:
            try:
                yield from limit(operator)
            except (LookupError, AttributeError, ZeroDivisionError):
                # A valid operator of this kind has all inputs, options and shapes that a limit reads.
                yield Problem("its inputs or options are malformed", "convert the model again")


def _about_tensors(operator: Operator, computed: list[TensorInfo]) -> Iterator[Problem]:
    types = sorted({tensor.type for tensor in computed if tensor.type not in _BYTES or not tensor.quantized})
    constants = {one.type for one in operator.tensors if one.constant is not None} - {*_BYTES, "INT32"}
    if types or constants:
        yield Problem(
            f"it uses {', '.join(types or sorted(constants))} tensors instead of quantised int8 ones",
            "quantise the whole model, including input and output: edge-cls quantize",
        )
    if any(tensor.resizable for tensor in computed):
        yield Problem("the size of a tensor is not fixed", "convert with a fixed input size")
    for tensor in computed:
        if any(size > 1 for size in tensor.shape[:-3]):
            yield Problem(
                f"it has a tensor of shape {' x '.join(map(str, tensor.shape))}",
                "use a batch of one, and sizes above 1 only in the last three dimensions",
            )
            break


def _is_computed(operator: Operator, place: int) -> bool:
    tensor = operator.inputs[place] if place < len(operator.inputs) else None
    return tensor is not None and tensor.constant is None
