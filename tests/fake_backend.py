"""A backend in place of a device: one holder at a time, and it fails at the runs that a test chooses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from numpy.typing import NDArray

from edge_cls.backends.backend import Engine
from edge_cls.backends.litert import Interpreter
from edge_cls.backends.names import BACKENDS, BackendRow
from edge_cls.core.manifest import Manifest
from edge_cls.errors import ModelError
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from tests.tools.edgetpu import compiled

FACTORY = f"{__name__}:FakeBackend"


class Device:
    """The device: it computes `network`, whatever it is given, or the given network if that is None."""

    def __init__(self, network: bytes | None = None) -> None:
        self.network = network
        self.held = False
        self.absent = False
        self.fails: set[int] = set()
        """The runs, counted from 0, that fail."""
        self.runs = 0
        self.opened: list[str] = []
        """The name of the backend, each time that the device was opened."""


class FakeBackend:
    """The backend of `device`, which a fixture sets."""

    device: ClassVar[Device]
    exclusive = True
    crash_hint = "buy another"

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, network: bytes, *, name: str = "the model", threads: int | None = None) -> Engine:
        if self.device.absent or self.device.held:
            raise ModelError("taken" if self.device.held else "absent", hint="wait")
        engine = FakeEngine(Interpreter(self.device.network or network, name=name, threads=threads), self.device)
        self.device.opened.append(self.name)
        return engine


class FakeEngine(Engine):
    def __init__(self, real: Interpreter, device: Device) -> None:
        self.name, self.inputs, self.outputs = real.name, real.inputs, real.outputs
        self.real = real
        self.device = device
        self.open = device.held = True

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        self.device.runs += 1
        if self.device.runs - 1 in self.device.fails:
            raise ModelError(f"{self.name} fails when it runs (no answer)", hint="wait")
        return self.real.run(*inputs)

    def close(self) -> None:
        if self.open:
            self.open = self.device.held = False


@contextmanager
def fake_backend(name: str, row: BackendRow, device: Device) -> Iterator[Device]:
    """Add a row to the table of backends, or replace one, by a backend of `device`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, name, replace(row, factory=FACTORY))
        patch.setattr(FakeBackend, "device", device, raising=False)
        yield device


def write_pair(model: Path, path: Path, backend: str) -> Path:
    """Write `model` to `path`, and beside it the same model as if compiled for `backend`. Returns `path`."""
    file = read_model(model)
    network = compiled(file.network, operator=BACKENDS[backend].operator)
    assert file.manifest is not None
    write_model(replace(file, path=path))
    write_model(
        replace(file, path=path.with_stem(f"{path.stem}_{backend}"), network=network, manifest=_with_space(file))
    )
    return path


def _with_space(file: ModelFile) -> Manifest:
    assert file.manifest is not None
    return replace(file.manifest, space=file.manifest.space or sha256(file.network))
