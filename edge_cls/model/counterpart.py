"""Which file belongs to which: NAME.tflite runs on the CPU, NAME_BACKEND.tflite is the same model, compiled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_cls.backends.names import BACKENDS, compiled_for
from edge_cls.core.manifest import Manifest
from edge_cls.errors import ModelError
from edge_cls.model.file import ModelFile, read_model


def counterpart_path(file: ModelFile, backend: str) -> Path:
    """Return the path where the counterpart of `file` is expected.

    That is the compiled model of a plain one, and the plain model of one that is compiled for `backend`. The path is
    the file's own if a compiled file is not named like one.
    """
    if compiled_for(file.network) == backend:
        return file.path.with_stem(file.path.stem.removesuffix(f"_{backend}"))
    return file.path.with_stem(f"{file.path.stem}_{backend}")


def read_counterpart(file: ModelFile, backend: str) -> ModelFile | ModelError:
    """Return the counterpart of `file`, or the error if it does not exist or cannot be read."""
    path = counterpart_path(file, backend)
    if path == file.path or not path.exists():
        return ModelError(f"{path} does not exist", hint=f"run: {BACKENDS[backend].compile} {file.path}")
    try:
        return read_model(path)
    except ModelError as error:
        return error.with_traceback(None)  # the traceback would keep everything that was read


def check_same_model(file: ModelFile, counterpart: ModelFile, backend: str, labels: tuple[str, ...]) -> None:
    """Raise ModelError if the outputs of the two would not mean the same.

    `labels` are the user's, which replace those in the files. The networks differ by nature, so that only manifests and
    labels are compared.
    """
    if file.manifest is None and counterpart.manifest is None:
        if not labels and not file.labels:
            raise ModelError(
                f"without manifests, the embeddings of {file.path} and {counterpart.path} cannot be known to be "
                "comparable",
                hint=f"compile a model that edge-cls made, or give the compiled one alone, with --delegate {backend}",
            )
    elif _meaning(file) != _meaning(counterpart):
        raise not_the_same(file.path, counterpart.path, backend, "manifests")
    if not labels and counterpart.labels != file.labels and (counterpart.labels or counterpart.manifest):
        raise not_the_same(file.path, counterpart.path, backend, "labels")


def not_the_same(path: Path, counterpart: Path, backend: str, difference: str) -> ModelError:
    """Return the error for two files that differ in `difference`, such as "labels"."""
    return ModelError(
        f"{path} and {counterpart} are not the same model: their {difference} differ",
        hint=f"compile it again ({BACKENDS[backend].compile}), or remove the outdated one",
    )


def _meaning(file: ModelFile) -> Manifest | None:
    """Return the manifest without the checksum of the network, the only part that compiling a model changes."""
    return None if file.manifest is None else replace(file.manifest, flatbuffer_sha256="")
