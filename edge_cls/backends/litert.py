"""The one door to the TFLite interpreter: LiteRT, or tflite-runtime where LiteRT has no wheel (32-bit ARM).

And to the Edge TPU, which is a delegate of the interpreter. None was there to test with: the door is tested without its
library, and with libraries in its place that find no device, crash, or take the operators and compute nothing.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import ConfigError, MissingDependency, ModelError

try:
    from ai_edge_litert.interpreter import Interpreter as _Backend
    from ai_edge_litert.interpreter import load_delegate as _load_delegate
except ImportError:
    try:
        from tflite_runtime.interpreter import Interpreter as _Backend
        from tflite_runtime.interpreter import load_delegate as _load_delegate
    except ImportError:
        raise MissingDependency("no TFLite interpreter is installed", hint="run: pip install ai-edge-litert") from None


_FAULTS = (ValueError, RuntimeError, IndexError, MemoryError)
"""What the interpreter raises for a network that makes no sense."""
_LIBRARY = "libedgetpu.so.1"
_DELEGATE = re.compile("edgetpu(?::((?:usb|pci)(?::[0-9]+)?))?")
_CUSTOM_OPERATOR = "edgetpu-custom-op"
LIBRARY_CLASH = (
    "install a newer libedgetpu, built for this version of the interpreter (that of Google's package libedgetpu1-std "
    "goes with tflite-runtime before 2.12), or run without the Edge TPU: --delegate none"
)
"""The mend where libedgetpu and the interpreter do not go together."""


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

    The bytes are trusted: a network that was damaged or made up can crash the process, and so can an Edge TPU's library
    of another version than the interpreter. `edge_cls.backends.sandbox` tries those of unknown origin. `delegate` is
    "none", or "edgetpu", "edgetpu:usb", "edgetpu:pci:1" and the like for a network that is compiled for the Edge TPU.

    Raises ModelError for bytes that are no TFLite model, or one that the interpreter cannot prepare, or without the
    Edge TPU; MissingDependency without its library; ConfigError for a delegate that does not exist.
    """

    def __init__(
        self, content: bytes, *, name: str = "the model", threads: int | None = None, delegate: str = "none"
    ) -> None:
        self._name = name
        if content[4:8] != b"TFL3":
            raise ModelError(f"{name} is no TFLite model", hint="give a .tflite file, as 'edge-cls quantize' writes it")
        delegates = None
        self._hint = "convert or download it again"
        if delegate != "none":
            if not needs_edge_tpu(content):
                raise ModelError(
                    f"{name} is not compiled for the Edge TPU", hint=f"run: edge-cls edgetpu compile {name}"
                )
            delegates = [_edge_tpu(delegate)]
            self._hint = "unplug the Edge TPU and plug it in again, into a port with enough power"
        try:
            self._backend = _Backend(model_content=content, num_threads=threads, experimental_delegates=delegates)
            self._backend.allocate_tensors()
            self.inputs = tuple(_tensor(d) for d in self._backend.get_input_details())
            self.outputs = tuple(_tensor(d) for d in self._backend.get_output_details())
        except _FAULTS as error:
            if delegates:
                raise ModelError(f"{name} cannot be prepared for the Edge TPU ({error})", hint=LIBRARY_CLASH) from error
            if _CUSTOM_OPERATOR in str(error):
                raise ModelError(
                    f"{name} is compiled for the Edge TPU",
                    hint="use the .tflite file that it was compiled from, or run it there: --delegate edgetpu",
                ) from error
            raise ModelError(
                f"{name} cannot be loaded by the TFLite interpreter ({str(error) or 'it does not say why'})",
                hint="convert or download it again",
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
            # Prepared and yet unknown: so it shows as well that library and interpreter do not go together.
            hint = LIBRARY_CLASH if "unresolved custom op" in str(error) else self._hint
            raise ModelError(f"{self._name} fails when it runs ({error})", hint=hint) from error


class Interpreter(Network):
    """A network with one input, an image. Raises what `Network` does, and ModelError for more inputs."""

    def __init__(
        self, content: bytes, *, name: str = "the model", threads: int | None = None, delegate: str = "none"
    ) -> None:
        super().__init__(content, name=name, threads=threads, delegate=delegate)
        if len(self.inputs) != 1:
            raise ModelError(f"{name} has {len(self.inputs)} inputs, not one", hint="use an image classification model")
        self.input = self.inputs[0]

    def invoke(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the outputs for one input of `self.input`'s shape and dtype, all without the batch axis.

        The arrays are copies. Raises ModelError where the model fails while running.
        """
        outputs = self.run(pixels[None])
        if any(output.ndim == 0 for output in outputs):
            raise ModelError(f"{self._name} gives a number without a batch", hint="convert or download it again")
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


def needs_edge_tpu(network: bytes) -> bool:
    """Whether `network` holds an operator that only the Edge TPU knows."""
    return _CUSTOM_OPERATOR.encode() in network


def edge_tpu_options(delegate: str) -> dict[str, str]:
    """Return which Edge TPU `delegate` names, as libedgetpu is told. Raises ConfigError where it names none.

    >>> edge_tpu_options("edgetpu"), edge_tpu_options("edgetpu:usb:0")
    ({}, {'device': 'usb:0'})
    """
    known = _DELEGATE.fullmatch(delegate)
    if known is None:
        raise ConfigError(
            f"there is no delegate {delegate!r}",
            hint="use none, auto, edgetpu, edgetpu:usb:0, edgetpu:pci:0 or the like",
        )
    return {"device": known[1]} if known[1] else {}


def _edge_tpu(delegate: str) -> Any:
    """Return the delegate that `delegate` names, which holds its Edge TPU for as long as it exists."""
    options = edge_tpu_options(delegate)
    try:
        # The delegate's own attempt would leave an unfinished object behind, which complains when it is collected.
        ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise MissingDependency(
            f"the library of the Edge TPU cannot be loaded ({error})",
            hint="add Google's apt repository coral-edgetpu-stable and run: sudo apt install libedgetpu1-std",
        ) from error
    try:
        return _load_delegate(_LIBRARY, options)
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"no Edge TPU can be opened ({delegate})",
            hint="unplug it, plug it in again, and let this user use it: sudo usermod -aG plugdev USER (on PCIe: the "
            "driver gasket-dkms, and the group apex), then log in again; no other program may hold it",
        ) from error
