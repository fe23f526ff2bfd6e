"""The backbones that need no download, by name: the built-in one, and those that are built once on this machine."""

from __future__ import annotations

import difflib
from pathlib import Path

from edge_cls.cache_folder import cache_folder
from edge_cls.errors import MissingDependency, ModelError, OutputError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model, sha256, write_model
from edge_cls.model.lite0.calibrated import RANGES_FILE, SIZES, load_calibrated
from edge_cls.model.lite0.weights import WEIGHTS_SHA256, read_weights, weights_path

BUILTIN = "builtin"
LITE0 = {f"lite0-{size}": size for size in SIZES}
"""The sizes of EfficientNet-Lite0 in pixels, by the name of the backbone."""
NAMES = (BUILTIN, *LITE0)
BUILDER = 1
"""Version of the method; a file in the cache that another one built is not used."""


def backbone_path(name: str, *, cache: Path | None = None) -> Path:
    """Return the path of the model file of the backbone `name`, which is built if it is not in `cache` yet.

    `cache` is the folder of built files, below the user's cache folder if it is None. Raises ModelError if there is no
    such backbone or if its parts are damaged, MissingDependency if its weights are not installed, and OutputError if
    the cache cannot be written.
    """
    path = expected_path(name, cache=cache)
    if name not in LITE0 or _is_whole(path):
        return path
    try:  # here, because it loads the schema of TFLite and the interpreter
        from edge_cls.model.lite0.build import built
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{name} cannot be built without ai-edge-litert, which has the schema of TFLite files",
            hint="run 'edge-cls models path' on another machine and copy the file, or use the backbone builtin",
        ) from error
    file = built(read_weights(weights_path()), load_calibrated(_ranges()), LITE0[name], path)
    try:
        write_model(file)
    except OutputError as error:
        raise OutputError(
            f"the backbone {name} cannot be kept: {error.message}",
            hint="free some space, or set XDG_CACHE_HOME to a folder that can be written",
        ) from error
    return path


def expected_path(name: str, *, cache: Path | None = None) -> Path:
    """Return the path that `backbone_path` returns; the file may not be built yet. Raises ModelError alike."""
    if name == BUILTIN:
        return builtin_file("edge-embed.tflite")
    if name not in LITE0:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ModelError(f"{name} is not a backbone of the device", hint=f"{hint}the names are {', '.join(NAMES)}")
    # A new calibration or method gets a file of its own, and the old one stays for whoever has noted its path.
    key = sha256(f"{BUILDER} {WEIGHTS_SHA256} {sha256(_ranges())}".encode())[:12]
    return (cache_folder() / "backbones" if cache is None else cache) / f"{name}-{key}.tflite"


def _ranges() -> bytes:
    return builtin_file(RANGES_FILE).read_bytes()


def _is_whole(path: Path) -> bool:
    try:
        # The first part of a file has no manifest any more, and would be read as a network of another program.
        return read_model(path).manifest is not None
    except ModelError:
        return False
