"""The CPU: the one door to the TFLite interpreter.

The interpreter is LiteRT, or its predecessor tflite-runtime if LiteRT has no wheel for the machine (32-bit ARM).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.backend import Engine, Tensor
from edge_cls.backends.names import BACKENDS, CPU, compiled_for
from edge_cls.errors import MissingDependency, ModelError
from edge_cls.installed import install_hint

try:
    from ai_edge_litert.interpreter import Interpreter as Runtime
    from ai_edge_litert.interpreter import load_delegate
except ImportError:
    try:
        from tflite_runtime.interpreter import Interpreter as Runtime
        from tflite_runtime.interpreter import load_delegate
    except ImportError:
        raise MissingDependency("no TFLite interpreter is installed", hint=install_hint("ai-edge-litert")) from None

__all__ = ["Interpreter", "LiteRt", "load_delegate"]

_RUNTIME_ERRORS = (ValueError, RuntimeError, IndexError, MemoryError)
"""The errors that the interpreter raises for a network that it cannot run."""
_HINT = "convert or download it again"


class LiteRt:
    """The TFLite interpreter on the CPU, as a `Backend`."""

    exclusive = False
    crash_hint = _HINT

    def __init__(self, name: str = CPU) -> None:
        self.name = name

    def open(self, network: bytes, *, name: str = "the model", threads: int | None = None) -> Engine:
        """Return `network` ready to run: see `Backend.open`."""
        return Interpreter(network, name=name, threads=threads)


class Interpreter(Engine):
    """A TFLite network with static shapes in the interpreter.

    The bytes are trusted: see `Backend.open`. `threads` are CPU threads; None leaves the number to the interpreter.
    `delegates` are objects of `load_delegate`, which run operators of the network in place of the CPU.

    Raises ModelError for bytes that are not a TFLite model, and for one that the interpreter cannot prepare.
    """

    def __init__(
        self, content: bytes, *, name: str = "the model", threads: int | None = None, delegates: Sequence[Any] = ()
    ) -> None:
        self.name = name
        if content[4:8] != b"TFL3":
            raise ModelError(
                f"{name} is not a TFLite model", hint="give a .tflite file, as 'edge-cls quantize' writes it"
            )
        try:
            self._runtime = Runtime(
                model_content=content, num_threads=threads, experimental_delegates=list(delegates) or None
            )
            self._runtime.allocate_tensors()
            details = self._runtime.get_input_details(), self._runtime.get_output_details()
            self.inputs, self.outputs = (tuple(map(_tensor, side)) for side in details)
            self._input_indices, self._output_indices = ([int(one["index"]) for one in side] for side in details)
        except _RUNTIME_ERRORS as error:
            raise self.load_error(content, error) from error

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return copies of the outputs: see `Engine.run`."""
        try:
            for index, values in zip(self._input_indices, inputs, strict=True):
                self._runtime.set_tensor(index, values)
            self._runtime.invoke()
            return [self._runtime.get_tensor(index) for index in self._output_indices]
        except _RUNTIME_ERRORS as error:
            raise ModelError(f"{self.name} fails when it runs ({error})", hint=self.run_hint(error)) from error

    def close(self) -> None:
        """Do nothing: the interpreter holds no device."""

    def load_error(self, content: bytes, error: Exception) -> ModelError:
        """Return the ModelError for a network that the interpreter refused with `error`."""
        if accelerator := compiled_for(content):
            return ModelError(
                f"{self.name} is compiled for {BACKENDS[accelerator].title}",
                hint=f"use the .tflite file that it was compiled from, or run it there: --delegate {accelerator}",
            )
        return ModelError(
            f"{self.name} cannot be loaded by the TFLite interpreter ({str(error) or 'it does not say why'})",
            hint=_HINT,
        )

    def run_hint(self, error: Exception) -> str:  # noqa: ARG002 - that of a device depends on the error
        """Return the hint for a network that failed with `error` while it ran."""
        return _HINT


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    return Tensor(
        name=str(details["name"]),
        shape=tuple(int(n) for n in details["shape"]),
        dtype=np.dtype(details["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
    )
