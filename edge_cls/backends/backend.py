"""The port to the libraries and devices that run a network."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.names import AUTO, accelerators, backend_row
from edge_cls.errors import ModelError


@dataclass(frozen=True)
class Tensor:
    """An input or output of a network.

    If it is quantised, real = scale * (q - zero_point); otherwise `scale` is 0. `shape` includes the batch axis.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int


class Engine(Protocol):
    """A network that is ready to run. Implementations inherit `input` and `invoke`.

    `name` is the network in messages. `problem` says in one line why the network does not run on the backend that was
    asked for; None if it does. One thread at a time may run it.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    problem: str | None = None

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return copies of the outputs for inputs of the shapes and dtypes of `self.inputs`, batch axis included.

        Raises ModelError if the network fails while it runs.
        """
        ...

    def close(self) -> None:
        """Release the device, if the engine holds one, for other processes. Closing twice is safe."""
        ...

    @property
    def input(self) -> Tensor:
        """The input of a network that has only one. Raises ModelError if it has more."""
        if len(self.inputs) != 1:
            raise ModelError(
                f"{self.name} has {len(self.inputs)} inputs, not one", hint="use an image classification model"
            )
        return self.inputs[0]

    def invoke(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        """Return copies of the outputs for one image of `self.input`'s shape and dtype, all without the batch axis.

        Raises ModelError if the network fails while it runs, or has an output without a batch axis.
        """
        outputs = self.run(pixels[None])
        if any(output.ndim == 0 for output in outputs):
            raise ModelError(f"{self.name} has an output without a batch axis", hint="convert or download it again")
        return [output[0] for output in outputs]


class Backend(Protocol):
    """A library or device that runs networks.

    `name` is the value of `delegate` that chose it, options included. An `exclusive` backend serves one network at a
    time, so that a reload cannot open the new network before the old one is closed. `crash_hint` is the hint for a
    network that crashes it.
    """

    name: str
    exclusive: bool
    crash_hint: str

    def open(self, network: bytes, *, name: str = "the model", threads: int | None = None) -> Engine:
        """Return `network`, the bytes of a .tflite file, ready to run; messages call it `name`.

        The bytes are trusted: damaged or malicious ones can crash the process. `edge_cls.backends.sandbox` tries those
        of unknown origin. Raises ModelError for a network that the backend cannot run, and if the device cannot be
        opened; MissingDependency if this machine lacks a library that the backend needs.
        """
        ...


def open_backend(delegate: str) -> Backend:
    """Return the backend that `delegate` names; for "auto", the preferred accelerator. Nothing is loaded before.

    Raises ConfigError if there is no such backend, and MissingDependency if its library is not installed.
    """
    if delegate == AUTO:
        delegate = accelerators()[0]
    module, _, factory = backend_row(delegate)[1].factory.partition(":")
    make: Callable[[str], Backend] = getattr(importlib.import_module(module), factory)
    return make(delegate)
