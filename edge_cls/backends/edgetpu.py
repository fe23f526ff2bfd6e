"""The Edge TPU: a delegate of the TFLite interpreter, in Google's library libedgetpu.

No device was available for tests. They run without the library, and with libraries in its place that find no device,
crash, or accept the operators and compute nothing.
"""

from __future__ import annotations

import ctypes
from typing import Any

from edge_cls.backends.backend import Engine
from edge_cls.backends.litert import Interpreter, load_delegate
from edge_cls.backends.names import BACKENDS, compiled_for
from edge_cls.errors import MissingDependency, ModelError

NAME = "edgetpu"
_LIBRARY_CLASH = (
    "install a newer libedgetpu, built for this version of the interpreter (the one in Google's package "
    "libedgetpu1-std fits tflite-runtime before 2.12), or run without the Edge TPU: --delegate none"
)
"""The hint if libedgetpu and the interpreter were built for different versions."""


class EdgeTpu:
    """The Edge TPU, as a `Backend`; the name "edgetpu:usb:0" opens the first one at USB, "edgetpu" any.

    Each engine holds its device until it is closed.
    """

    exclusive = True
    crash_hint = _LIBRARY_CLASH

    def __init__(self, name: str = NAME) -> None:
        self.name = name
        self._library = BACKENDS[NAME].library

    def open(self, network: bytes, *, name: str = "the model", threads: int | None = None) -> Engine:
        """Return a compiled `network` on the device: see `Backend.open`.

        `threads` run the operators that the compiler left to the CPU.
        """
        if compiled_for(network) != NAME:
            raise ModelError(f"{name} is not compiled for the Edge TPU", hint=f"run: {BACKENDS[NAME].compile} {name}")
        self._check_library()
        return _OnEdgeTpu(network, name=name, threads=threads, delegates=[self._open_device()])

    @property
    def options(self) -> dict[str, str]:
        """The options for libedgetpu: the `device`, unless any will do."""
        device = self.name.partition(":")[2]
        return {"device": device} if device else {}

    def _check_library(self) -> None:
        try:
            # load_delegate would leave an unfinished object behind, which complains when it is collected.
            ctypes.CDLL(self._library)
        except OSError as error:
            raise MissingDependency(
                f"the library of the Edge TPU cannot be loaded ({error})", hint=BACKENDS[NAME].install
            ) from error

    def _open_device(self) -> Any:
        """Return the delegate, which holds the device for as long as it exists."""
        try:
            return load_delegate(self._library, self.options)
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"no Edge TPU can be opened ({self.name})",
                hint="unplug it, plug it in again, and give this user access: sudo usermod -aG plugdev USER (on PCIe: "
                "the driver gasket-dkms, and the group apex), then log in again; no other program may hold it",
            ) from error


class _OnEdgeTpu(Interpreter):
    """A compiled network in the interpreter, with the delegate of the device."""

    def close(self) -> None:
        """Release the interpreter, and with it the device."""
        self._runtime = None

    def run(self, *inputs: Any) -> list[Any]:
        """Return copies of the outputs: see `Engine.run`."""
        if self._runtime is None:
            raise ModelError(f"{self.name} was closed", hint="open it again")
        return super().run(*inputs)

    def load_error(self, content: bytes, error: Exception) -> ModelError:  # noqa: ARG002 - the CPU's needs it
        """Return the ModelError for a network that the interpreter refused with `error`."""
        return ModelError(f"{self.name} cannot be prepared for the Edge TPU ({error})", hint=_LIBRARY_CLASH)

    def run_hint(self, error: Exception) -> str:
        """Return the hint for a network that failed with `error` while it ran."""
        # The clash of versions may also show as an operator that was prepared and is unknown when it runs.
        if "unresolved custom op" in str(error):
            return _LIBRARY_CLASH
        return "unplug the Edge TPU and plug it in again, into a port with enough power"
