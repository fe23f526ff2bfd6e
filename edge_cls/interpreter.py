"""The one door to the TFLite interpreter: LiteRT, or tflite-runtime where LiteRT has no wheel (32-bit ARM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import MissingDependency, ModelError

try:
    from ai_edge_litert.interpreter import Interpreter as _Backend
except ImportError:
    try:
        from tflite_runtime.interpreter import Interpreter as _Backend
    except ImportError:
        raise MissingDependency("no TFLite interpreter is installed", mend="run: pip install ai-edge-litert") from None


_FAULTS = (ValueError, RuntimeError, IndexError, MemoryError)
"""What the interpreter raises for a network that makes no sense."""


@dataclass(frozen=True)
class Tensor:
    """An input or output; where it is quantised, real = scale * (q - zero_point), otherwise scale is 0."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int
    index: int


class Network:
    """A TFLite network with static shapes and any number of inputs, ready to invoke.

    The bytes are trusted: a network that was damaged or made up can crash the process. `edge_cls.probe` tries those of
    unknown origin. Raises ModelError for bytes that are no TFLite model, or one that the interpreter cannot prepare.
    """

    def __init__(self, content: bytes, *, name: str = "the model", threads: int | None = None) -> None:
        self._name = name
        if content[4:8] != b"TFL3":
            raise ModelError(f"{name} is no TFLite model", mend="give a .tflite file, as 'edge-cls quantize' writes it")
        try:
            self._backend = _Backend(model_content=content, num_threads=threads)
            self._backend.allocate_tensors()
            self.inputs = tuple(_tensor(d) for d in self._backend.get_input_details())
            self.outputs = tuple(_tensor(d) for d in self._backend.get_output_details())
        except _FAULTS as error:
            if "edgetpu-custom-op" in str(error):
                raise ModelError(
                    f"{name} is compiled for the Edge TPU", mend="use the .tflite file that it was compiled from"
                ) from error
            raise ModelError(
                f"{name} cannot be loaded by the TFLite interpreter ({str(error) or 'it does not say why'})",
                mend="convert or download it again",
            ) from error

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return copies of the outputs for inputs of the shapes and dtypes of `self.inputs`, batch axis and all.

        Raises ModelError where the model fails while running.
        """
        try:
            for tensor, values in zip(self.inputs, inputs, strict=True):
                self._backend.set_tensor(tensor.index, values)
            self._backend.invoke()
            return [self._backend.get_tensor(output.index) for output in self.outputs]
        except _FAULTS as error:
            raise ModelError(
                f"{self._name} fails when it runs ({error})", mend="convert or download it again"
            ) from error


class Interpreter(Network):
    """A network with one input, an image. Raises ModelError as `Network` does, and for more inputs."""

    def __init__(self, content: bytes, *, name: str = "the model", threads: int | None = None) -> None:
        super().__init__(content, name=name, threads=threads)
        if len(self.inputs) != 1:
            raise ModelError(f"{name} has {len(self.inputs)} inputs, not one", mend="use an image classification model")
        self.input = self.inputs[0]

    def invoke(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the outputs for one input of `self.input`'s shape and dtype, all without the batch axis.

        The arrays are copies. Raises ModelError where the model fails while running.
        """
        outputs = self.run(pixels[None])
        if any(output.ndim == 0 for output in outputs):
            raise ModelError(f"{self._name} gives a number without a batch", mend="convert or download it again")
        return [output[0] for output in outputs]


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    return Tensor(
        name=str(details["name"]),
        shape=tuple(int(n) for n in details["shape"]),
        dtype=np.dtype(details["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
        index=int(details["index"]),
    )
