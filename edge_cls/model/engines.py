"""From a model file to an engine: on the CPU, on a device that may fail, or on a device with the CPU in reserve."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from edge_cls.backends.backend import Engine, open_backend
from edge_cls.backends.names import AUTO, BACKENDS, CPU, accelerators, backend_row, compiled_for
from edge_cls.backends.sandbox import probe
from edge_cls.errors import MissingDependency, ModelError
from edge_cls.model.counterpart import check_same_model, counterpart_path, not_the_same, read_counterpart
from edge_cls.model.file import ModelFile

STEADY = 1000
"""Frames that a reopened device must classify before a failure opens it once more; sooner, the device is given up."""
_log = logging.getLogger(__name__)


def open_engine(
    file: ModelFile,
    *,
    labels: tuple[str, ...] = (),
    threads: int | None = None,
    delegate: str = CPU,
) -> Engine:
    """Return the engine that runs `file` on the backend that `delegate` names.

    If the backend runs only compiled networks, `file` is NAME_BACKEND.tflite, or NAME.tflite with that beside it.
    `labels` are those that the user gave with it. With "auto" NAME.tflite runs on the CPU if the accelerator cannot be
    used, now or later: a warning is logged, and the engine's `problem` says why.

    Raises ModelError if the model cannot run, or if the two files are not the same model; MissingDependency if the
    library of the backend is missing; ConfigError if no backend has that name.
    """
    if delegate == AUTO:
        return _with_reserve(file, labels, threads)
    name, row = backend_row(delegate)
    if name == CPU:
        return _on_cpu(file, threads)
    if row.operator and compiled_for(file.network) != name:
        compiled = read_counterpart(file, name)
        if isinstance(compiled, ModelError):
            raise compiled
        check_same_model(file, compiled, name, labels)
        file = compiled
    return _on_device(file, threads, delegate)


def _with_reserve(file: ModelFile, labels: tuple[str, ...], threads: int | None) -> Engine:
    backend = compiled_for(file.network)
    plain: ModelFile | ModelError
    compiled: ModelFile | ModelError
    if backend is not None:
        compiled, plain = file, read_counterpart(file, backend)
        other = plain
    else:
        compiled_ones = [name for name in accelerators() if counterpart_path(file, name).exists()]
        backend = (compiled_ones or accelerators())[0]
        compiled, plain = read_counterpart(file, backend), file
        other = compiled
    if isinstance(other, ModelFile):
        check_same_model(file, other, backend, labels)
    cpu = _on_cpu(plain, threads) if isinstance(plain, ModelFile) else None

    def device() -> Engine:
        if isinstance(compiled, ModelError):
            raise compiled
        return _on_device(compiled, threads, backend)

    engine = FallbackEngine(device, cpu, title=BACKENDS[backend].title)
    if cpu is not None and (cpu.inputs, cpu.outputs) != (engine.inputs, engine.outputs):
        engine.close()
        raise not_the_same(file.path, counterpart_path(file, backend), backend, "inputs and outputs")
    return engine


def _on_cpu(file: ModelFile, threads: int | None) -> Engine:
    if file.manifest is None:  # which would vouch for the network by its checksum
        probe(file.network, name=str(file.path))
    return open_backend(CPU).open(file.network, name=str(file.path), threads=threads)


def _on_device(file: ModelFile, threads: int | None, delegate: str) -> Engine:
    backend = open_backend(delegate)
    # Always, since a library of another version than the interpreter's crashes it, whoever made the model.
    probe(file.network, name=str(file.path), backend=backend)
    return ReopeningEngine(
        lambda: backend.open(file.network, name=str(file.path), threads=threads),
        title=backend_row(delegate)[1].title,
    )


class ReopeningEngine(Engine):
    """An engine on a device, opened again once if it fails, and again after `steady` good frames.

    `opened` opens it; `title` is the device in messages. Raises ModelError and MissingDependency as `opened` does.
    """

    def __init__(self, opened: Callable[[], Engine], *, title: str, steady: int = STEADY) -> None:
        self._opened = opened
        self._title = title
        self._steady = steady
        self._frames = steady  # since it was opened again; it has not been yet
        self._engine: Engine | None = opened()
        self.name = self._engine.name
        self.inputs, self.outputs = self._engine.inputs, self._engine.outputs

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return copies of the outputs: see `Engine.run`."""
        try:
            return self._run(*inputs)
        except ModelError as error:
            self.close()
            if self._frames < self._steady:
                raise
            _log.warning("%s is opened again: %s", self._title, str(error))
        # Here, and not in the handler: the error holds the interpreter, and so the device. No log record may keep it.
        self._frames = 0
        return self._run(*inputs)

    def close(self) -> None:
        """Release the device; `run` would open it again."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None

    def _run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        if self._engine is None:
            self._engine = self._opened()
        outputs = self._engine.run(*inputs)
        self._frames += 1
        return outputs


class FallbackEngine(Engine):
    """An engine on a device, and `cpu` in its place, for good, once the device fails.

    `device` opens it, and `title` is its name in messages. Raises what `device` raises if `cpu` is None.
    """

    def __init__(self, device: Callable[[], Engine], cpu: Engine | None, *, title: str) -> None:
        self._cpu = cpu
        self._title = title
        self.problem = None
        try:
            self._running = device()
        except (ModelError, MissingDependency) as error:
            self._running = self._fall_back(error)
        self.name = self._running.name
        self.inputs, self.outputs = self._running.inputs, self._running.outputs

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return copies of the outputs: see `Engine.run`. Raises ModelError if the CPU fails too."""
        try:
            return self._running.run(*inputs)
        except (ModelError, MissingDependency) as error:
            if self._running is self._cpu:
                raise
            device = self._running
            self._running = self._fall_back(error)
            device.close()
        return self._running.run(*inputs)

    def close(self) -> None:
        """Release the device."""
        self._running.close()

    def _fall_back(self, error: ModelError | MissingDependency) -> Engine:
        if self._cpu is None:
            raise error
        self.problem = f"on the CPU, not on {self._title}: {error}"
        _log.warning("%s", self.problem)
        return self._cpu
