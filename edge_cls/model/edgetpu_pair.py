"""A model on the Edge TPU, and its twin on the CPU where there is none, or none any more."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter, edge_tpu_options, needs_edge_tpu
from edge_cls.backends.sandbox import probe
from edge_cls.core.manifest import Manifest
from edge_cls.errors import MissingDependency, ModelError
from edge_cls.model.file import ModelFile, read_model

STEADY = 1000
"""An Edge TPU that fails again within so many frames is not worth opening once more."""
_SUFFIX = "_edgetpu"
_log = logging.getLogger(__name__)


class EdgeTpuInterpreter:
    """Runs a model as `Interpreter` does, on the Edge TPU.

    `file` is NAME_edgetpu.tflite, as 'edge-cls edgetpu compile' writes it, or NAME.tflite, which has that beside it;
    `labels` are those given with it. With the delegate "edgetpu", "edgetpu:usb:0" and the like it is the Edge TPU or
    nothing. With "auto" NAME.tflite takes over on the CPU, for good, where the Edge TPU cannot be had: a warning is
    logged, and `problem` says why in one line.

    Raises ModelError where the model cannot run, and where the two are not the same model; MissingDependency without
    libedgetpu; ConfigError for a delegate that does not exist.
    """

    def __init__(self, file: ModelFile, *, labels: tuple[str, ...], threads: int | None, delegate: str) -> None:
        self.problem: str | None = None
        fallback = delegate == "auto"
        delegate = "edgetpu" if fallback else delegate
        edge_tpu_options(delegate)
        own = needs_edge_tpu(file.network)
        twin = _twin(file)
        if isinstance(twin, ModelFile) and (fallback or not own):
            _check_twins(file, twin, labels)
        compiled, plain = (file, twin) if own else (twin, file)
        self._cpu = _on_cpu(plain, threads) if fallback and isinstance(plain, ModelFile) else None
        self._running: _Device | Interpreter
        try:
            if isinstance(compiled, ModelError):
                raise compiled
            self._running = _Device(compiled, threads, delegate)
        except (ModelError, MissingDependency) as error:
            self._running = self._fall_back(error)
        self.input, self.outputs = self._running.input, self._running.outputs
        if self._cpu is not None and _shape(self._cpu) != _shape(self._running):
            raise _different(file.path, _twin_path(file), "inputs and outputs")

    def invoke(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        """Return what `Interpreter.invoke` does. Raises ModelError and MissingDependency where nothing works."""
        try:
            return self._running.invoke(pixels)
        except (ModelError, MissingDependency) as error:
            if self._running is self._cpu:
                raise
            self._running = self._fall_back(error)
        return self._running.invoke(pixels)

    def close(self) -> None:
        """Let go of the Edge TPU, for others to take. Closing twice is safe."""
        if isinstance(self._running, _Device):
            self._running.close()

    def _fall_back(self, error: ModelError | MissingDependency) -> Interpreter:
        if self._cpu is None:
            raise error
        self.problem = f"on the CPU, not on the Edge TPU: {error}"
        _log.warning("%s", self.problem)
        return self._cpu


class _Device:
    """A model on the Edge TPU, which is opened again, once, where it fails.

    It is tried in a child process first, since a libedgetpu that does not go with the interpreter crashes it.
    """

    def __init__(self, file: ModelFile, threads: int | None, delegate: str) -> None:
        self._file = file
        self._threads = threads
        self._delegate = delegate
        self._frames = STEADY  # since it was opened again, and it never was
        probe(file.network, name=str(file.path), delegate=delegate)
        self._open: Interpreter | None = self._opened()
        self.input, self.outputs = self._open.input, self._open.outputs

    def invoke(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        try:
            return self._invoke(pixels)
        except ModelError as error:
            self._open = None
            if self._frames < STEADY:
                raise
            _log.warning("the Edge TPU is opened again: %s", str(error))
        # Here, and not in the handler: the error holds the interpreter, and so the device. No log record may keep it.
        self._frames = 0
        return self._invoke(pixels)

    def close(self) -> None:
        self._open = None

    def _invoke(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        if self._open is None:
            self._open = self._opened()
        outputs = self._open.invoke(pixels)
        self._frames += 1
        return outputs

    def _opened(self) -> Interpreter:
        return Interpreter(
            self._file.network, name=str(self._file.path), threads=self._threads, delegate=self._delegate
        )


def _on_cpu(file: ModelFile, threads: int | None) -> Interpreter:
    if file.manifest is None:  # which vouches for the network by its hash
        probe(file.network, name=str(file.path))
    return Interpreter(file.network, name=str(file.path), threads=threads)


def _twin(file: ModelFile) -> ModelFile | ModelError:
    """Return the model that goes with `file`, on the Edge TPU or the CPU, or why there is none."""
    path = _twin_path(file)
    if path == file.path or not path.exists():
        return ModelError(f"{path} does not exist", hint=f"run: edge-cls edgetpu compile {file.path}")
    try:
        return read_model(path)
    except ModelError as error:
        return error.with_traceback(None)  # which would keep all that was read


def _twin_path(file: ModelFile) -> Path:
    """Return where the twin of `file` would lie; the file's own path where its name tells nothing."""
    if needs_edge_tpu(file.network):
        return file.path.with_stem(file.path.stem.removesuffix(_SUFFIX))
    return file.path.with_stem(file.path.stem + _SUFFIX)


def _check_twins(file: ModelFile, twin: ModelFile, labels: tuple[str, ...]) -> None:
    """Raise ModelError where the two would not mean the same: `file` is the one that was asked for."""
    if file.manifest is None and twin.manifest is None:
        if not labels and not file.labels:
            raise ModelError(
                f"nothing says that the embeddings of {file.path} and {twin.path} can be compared",
                hint="compile a model that edge-cls made, or give the compiled one alone, with --delegate edgetpu",
            )
    elif _meaning(file) != _meaning(twin):
        raise _different(file.path, twin.path, "manifests")
    if not labels and twin.labels != file.labels and (twin.labels or twin.manifest):
        raise _different(file.path, twin.path, "labels")


def _meaning(file: ModelFile) -> Manifest | None:
    """Return the manifest but for the hash of the network, in which alone a model and its compiled self differ."""
    return None if file.manifest is None else replace(file.manifest, flatbuffer_sha256="")


def _shape(network: Interpreter | _Device) -> list[Any]:
    return [replace(tensor, index=0) for tensor in (network.input, *network.outputs)]


def _different(path: Path, twin: Path, what: str) -> ModelError:
    return ModelError(
        f"{path} and {twin} are not the same model: they have other {what}",
        hint="compile it again (edge-cls edgetpu compile), or remove the one that is out of date",
    )
