"""A memory as arrays for numpy: `np.load` reads the file, and nothing in it is pickled.

Row by row, all of length n: `ids`, `labels`, `taught_at`, `devices`, `deleted_at` (NaN: live), `stamps`, `editors`,
`spaces` (empty: no embedding), `embeddings` (int8, n x dim), `scales`, `zero_points`; and all crops end to end in
`crops` (uint8), each up to its `crop_ends`. An embedding is (embeddings[i] - zero_points[i]) * scales[i].
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import MemoryFileError
from edge_cls.files import ZIP_FAULTS, open_regular
from edge_cls.memory.records import Record

_MAX_FILE = 2**32
_KINDS = {
    "ids": "U",
    "labels": "U",
    "taught_at": "f",
    "devices": "U",
    "deleted_at": "f",
    "stamps": "i",
    "editors": "U",
    "spaces": "U",
    "embeddings": "i",
    "scales": "f",
    "zero_points": "i",
    "crops": "u",
    "crop_ends": "i",
}
"""The arrays, and of which kind of numpy's each is."""


def write_arrays(records: Iterable[Record], path: Path) -> None:
    """Write all `records` to `path`. Raises MemoryFileError where they have embeddings of different dimensions."""
    rows = list(records)
    dims = {len(row.embedding.values) for row in rows if row.embedding is not None}
    if len(dims) > 1:
        raise MemoryFileError(
            f"the embeddings have different dimensions ({', '.join(map(str, sorted(dims)))})",
            hint="run 'edge-cls memory reembed --model MODEL', or export --as dataset",
        )
    none = QuantizedVector(np.zeros(dims.pop() if dims else 0, np.int8), 1.0, 0)
    vectors = [row.embedding or none for row in rows]
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.array([row.id for row in rows], np.str_),
        "labels": np.array([row.label for row in rows], np.str_),
        "taught_at": np.array([row.taught_at for row in rows], np.float64),
        "devices": np.array([row.device for row in rows], np.str_),
        "deleted_at": np.array([math.nan if row.deleted_at is None else row.deleted_at for row in rows], np.float64),
        "stamps": np.array([row.stamp for row in rows], np.int64),
        "editors": np.array([row.editor for row in rows], np.str_),
        "spaces": np.array([row.space if row.space and row.embedding else "" for row in rows], np.str_),
        "embeddings": np.array([vector.values for vector in vectors], np.int8).reshape(len(rows), -1 if rows else 0),
        "scales": np.array([vector.scale for vector in vectors], np.float64),
        "zero_points": np.array([vector.zero_point for vector in vectors], np.int16),
        "crops": np.frombuffer(b"".join(row.crop for row in rows), np.uint8),
        "crop_ends": np.cumsum([len(row.crop) for row in rows], dtype=np.int64),
    }
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> Generator[Record]:
    """Give the records in a file of `write_arrays`. Raises MemoryFileError where it is damaged or none of ours."""
    try:
        with open_regular(path, limit=_MAX_FILE) as file, zipfile.ZipFile(file) as archive:
            size = path.stat().st_size
            arrays = {name: _array(archive, name, kind, size) for name, kind in _KINDS.items()}
        count, ends = len(arrays["ids"]), arrays["crop_ends"]
        bounds = np.concatenate(([0], ends))
        if any(len(arrays[name]) != count for name in _KINDS if name != "crops") or arrays["embeddings"].ndim != 2:
            raise ValueError("its arrays do not belong together")
        if (np.diff(bounds) < 0).any() or bounds[-1] != len(arrays["crops"]):
            raise ValueError("its crops do not end where it says")
        columns = {name: array.tolist() for name, array in arrays.items() if name not in ("embeddings", "crops")}
    except (*ZIP_FAULTS, KeyError, SyntaxError, MemoryError) as error:
        raise MemoryFileError(
            f"{path} holds no arrays of a memory ({error})", hint="export the memory again, --as npz"
        ) from error
    crops = arrays["crops"]
    for row in range(count):
        values = {name: column[row] for name, column in columns.items()}
        embedding = QuantizedVector(arrays["embeddings"][row], values["scales"], values["zero_points"])
        yield Record(
            values["ids"],
            values["labels"],
            values["taught_at"],
            values["devices"],
            None if math.isnan(values["deleted_at"]) else values["deleted_at"],
            values["stamps"],
            values["editors"],
            crops[bounds[row] : bounds[row + 1]].tobytes(),
            values["spaces"] or None,
            embedding if values["spaces"] else None,
        )


def _array(archive: zipfile.ZipFile, name: str, kind: str, size: int) -> NDArray[Any]:
    """Return an array, which takes no more memory than the file itself. Raises ValueError and what `zipfile` raises."""
    member = archive.getinfo(f"{name}.npy")
    if member.file_size > size:
        raise ValueError(f"{name} is larger than the file; np.savez, and not np.savez_compressed, wrote it")
    raw = archive.read(member)
    stream = io.BytesIO(raw)
    version = npy.read_magic(stream)
    shape, fortran, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(stream)
    content = memoryview(raw)[stream.tell() :]
    if dtype.kind != kind or fortran or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{name} has the shape {shape} and the type {dtype}")
    if name == "embeddings" and dtype != np.int8:
        raise ValueError(f"{name} is {dtype}, not int8")
    return np.frombuffer(content, dtype).reshape(shape) if dtype.itemsize else np.zeros(shape, dtype)
