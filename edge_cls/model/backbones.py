"""The files of models that are named or not named at all: backbones are built once on this machine."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from edge_cls.cache_folder import cache_folder
from edge_cls.errors import MissingDependency, ModelError, OutputError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from edge_cls.model.known_banks import known_bank
from edge_cls.model.lite0.calibrated import RANGES_FILE, load_calibrated
from edge_cls.model.lite0.weights import WEIGHTS_SHA256, read_weights, weights_path
from edge_cls.model.names import BUILTIN, DEFAULT, LITE0, NAMES, SPACES, actual_name, name_of_space

BUILDER = 2
"""Version of the method; a file in the cache that another one built is not used."""


def load_model(
    model: str | os.PathLike[str] | None, *, space: str | None = None, cache: Path | None = None, keep: bool = True
) -> ModelFile:
    """Return the model that a user chose: `model` is one of NAMES, or the path of a file.

    If it is None, nothing was chosen: the model is then the backbone whose embedding space is `space`, that of a
    memory, and otherwise DEFAULT. A name stands for the backbone even if a file in the working directory has that name;
    the file can be given by its absolute path. `cache` and `keep` are those of `read_backbone`. Raises ModelError if
    there is no such model or if it is damaged, and as `read_backbone`.
    """
    name = name_of_space(space) or DEFAULT if model is None else os.fspath(model)
    if name in NAMES:
        return read_backbone(name, cache=cache, keep=keep)
    path = Path(name)
    if path.suffix != ".tflite" and not path.exists():
        raise ModelError(f"{path} does not exist", hint=f"{_near(path.name)}give a .tflite file or {_listed()}")
    return read_model(path)


def backbone_path(name: str, *, cache: Path | None = None) -> Path:
    """Return the path of the model file of the backbone `name`, which is built if it is not there yet.

    Arguments and errors are those of `read_backbone`.
    """
    return read_backbone(name, cache=cache).path


def read_backbone(name: str, *, cache: Path | None = None, keep: bool = True) -> ModelFile:
    """Return the model file of the backbone `name`. If it is not in `cache` yet, it is built and, with `keep`, written.

    `cache` is the folder of built files; None is the user's or the service's. Raises ModelError if there is no such
    backbone or if its parts are damaged, MissingDependency if its weights are not installed, and OutputError if the
    folder cannot be written.
    """
    path = expected_path(name, cache=cache)
    name = _actual(name)
    if name == BUILTIN:
        return read_model(path)
    if (whole := _whole(path)) is not None:
        return whole
    try:  # here, because it loads the schema of TFLite and the interpreter
        from edge_cls.model.lite0.build import built
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{name} cannot be built without ai-edge-litert, which has the schema of TFLite files",
            hint="run 'edge-cls models path' on another machine and copy the file, or use the backbone builtin",
        ) from error
    file = built(read_weights(weights_path()), load_calibrated(_ranges()), LITE0[name], path)
    try:
        if keep:
            write_model(file)
    except OutputError as error:
        raise OutputError(
            f"the backbone {name} cannot be kept: {error.message}",
            hint="free some space, set XDG_CACHE_HOME to a folder that can be written, or use the backbone builtin",
        ) from error
    return file


def expected_path(name: str, *, cache: Path | None = None) -> Path:
    """Return the path of `read_backbone`; the file may not be built yet. Raises ModelError alike."""
    name = _actual(name)
    if name == BUILTIN:
        return builtin_file("edge-embed.tflite")
    # A new calibration, bank or method gets a file of its own, and the old one stays for whoever has noted its path.
    bank = sha256(known_bank(SPACES[name]))
    key = sha256(f"{BUILDER} {WEIGHTS_SHA256} {sha256(_ranges())} {bank}".encode())[:12]
    return (_folder() if cache is None else cache) / f"{name}-{key}.tflite"


def _actual(name: str) -> str:
    if name not in NAMES:
        raise ModelError(f"{name} is not a backbone of the device", hint=f"{_near(name)}the names are {_listed()}")
    return actual_name(name)


def _folder() -> Path:
    # systemd names the folder of a service's own files; the service may not have another place to write.
    state = Path(os.environ.get("STATE_DIRECTORY", "").partition(":")[0])
    return (state if state.is_absolute() else cache_folder()) / "backbones"


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"did you mean {near[0]}? " if near else ""


def _listed() -> str:
    return ", ".join(NAMES)


def _ranges() -> bytes:
    return builtin_file(RANGES_FILE).read_bytes()


def _whole(path: Path) -> ModelFile | None:
    """Return the model file at `path`; None if it is not there, or if it is damaged."""
    try:
        file = read_model(path)
    except ModelError:
        return None
    # The first part of a file has no manifest any more, and would be read as a network of another program.
    return None if file.manifest is None else file
