"""The measured numbers behind the int8 network: a committed file that tools/calibrate_lite0.py makes from photos."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.arrays import read_arrays
from edge_cls.core.manifest import Calibration
from edge_cls.errors import ModelError
from edge_cls.model.lite0.network import LAYERS
from edge_cls.model.names import LITE0

RANGES_FILE = "lite0-ranges.npz"
"""Its name in the folder `models/`."""
SIZES = tuple(LITE0.values())
"""The sides, in pixels, that the backbone is built for."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The calibration of the int8 network.

    `ranges` has the smallest and the largest real value of the output of each layer, and `shifts`, int16 (channels,),
    the correction of the bias of each convolution, in steps of that bias. `stranger_distances` has the median cosine
    distance between the embeddings of two calibration photos for each size.
    """

    ranges: Mapping[str, tuple[float, float]]
    shifts: Mapping[str, NDArray[np.int16]]
    photos: Calibration
    stranger_distances: Mapping[int, float]


def dump_calibrated(calibrated: Calibrated) -> bytes:
    """Return the content of the file for `calibrated`. The same numbers give the same bytes on one machine."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        ranges=np.array([calibrated.ranges[layer.name] for layer in LAYERS], np.float32),
        shifts=np.concatenate([calibrated.shifts[layer.name] for layer in LAYERS if layer.convolves]),
        stranger_distances=np.array([calibrated.stranger_distances[size] for size in SIZES], np.float32),
        images=np.int64(calibrated.photos.images),
        sha256=np.frombuffer(bytes.fromhex(calibrated.photos.sha256), np.uint8),
    )
    return content.getvalue()


def load_calibrated(content: bytes) -> Calibrated:
    """Return the calibration in the content of the file. Raises ModelError if it is damaged."""
    try:
        return _of(read_arrays(content))
    except (ValueError, LookupError) as error:
        raise ModelError(f"{RANGES_FILE} is damaged ({error})", hint="install edge-cls again") from error


def _of(arrays: dict[str, NDArray[np.generic]]) -> Calibrated:
    convolutions = [layer for layer in LAYERS if layer.convolves]
    ends = np.cumsum([layer.channels for layer in convolutions])
    expected = {
        "ranges": (np.float32, (len(LAYERS), 2)),
        "shifts": (np.int16, (int(ends[-1]),)),
        "stranger_distances": (np.float32, (len(SIZES),)),
        "images": (np.int64, ()),
        "sha256": (np.uint8, (32,)),
    }
    for name, (dtype, shape) in expected.items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}, expected {np.dtype(dtype)} {shape}")
    ranges = arrays["ranges"].astype(np.float64)
    low, high = ranges.T
    if not np.isfinite(ranges).all() or (low > 0).any() or (high <= 0).any():
        raise ValueError("a range does not include 0")
    distances = arrays["stranger_distances"].astype(np.float64)
    if not ((distances >= 0) & (distances <= 2)).all():
        raise ValueError("a cosine distance is not between 0 and 2")
    parts = np.split(arrays["shifts"].astype(np.int16), ends[:-1])
    return Calibrated(
        ranges={layer.name: (float(a), float(b)) for layer, (a, b) in zip(LAYERS, ranges, strict=True)},
        shifts={layer.name: part for layer, part in zip(convolutions, parts, strict=True)},
        photos=Calibration(int(arrays["images"]), arrays["sha256"].astype(np.uint8).tobytes().hex()),
        stranger_distances=dict(zip(SIZES, map(float, distances), strict=True)),
    )
