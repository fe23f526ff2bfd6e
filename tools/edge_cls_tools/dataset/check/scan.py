"""The scan of one photo file: whether it can be used, and the numbers that the checks compare."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from edge_cls.errors import DatasetError, ImageError
from edge_cls.images.reading import image_format, read_image
from edge_cls_tools.dataset.check.photo_files import PhotoFile
from edge_cls_tools.dataset.check.similarity import Fingerprint, fingerprint, thumbnail

MAX_BYTES = 100_000_000
"""Largest file in bytes that is read: a larger one is hardly a training photo, and would fill the memory."""
_POOL_FROM = 400
"""Number of photos from which on several processes read them."""
_CHUNK, _MAX_WORKERS = 16, 4


@dataclass(frozen=True, eq=False)
class Appearance:
    """The appearance of a photo in numbers.

    `width` and `height` are in pixels. `contrast` is the standard deviation of the brightness, and `colour` the mean
    difference between the strongest and the weakest of red, green and blue, both in levels from 0 to 255.
    """

    width: int
    height: int
    format: str
    contrast: float
    colour: float
    fingerprint: Fingerprint


@dataclass(frozen=True, eq=False)
class ScannedPhoto:
    """A photo file, the SHA-256 of its bytes, and its appearance, or the problem that makes it unusable."""

    file: PhotoFile
    digest: bytes = b""
    appearance: Appearance | None = None
    problem: str = ""


def scan_photos(files: Sequence[PhotoFile]) -> Iterator[ScannedPhoto]:
    """Yield the scan of each file, in order; from _POOL_FROM files on, up to four processes read them.

    Raises DatasetError if the system kills one of them.
    """
    if len(files) < _POOL_FROM:
        yield from map(scan_photo, files)
        return
    # Spawned, not forked: the threads of numerical libraries do not survive a fork.
    with ProcessPoolExecutor(min(_MAX_WORKERS, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(scan_photo, files, chunksize=_CHUNK)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that reads photos was killed, perhaps because the memory is full",
                hint="free some memory, and run the command again",
            ) from error


def scan_photo(file: PhotoFile) -> ScannedPhoto:
    """Return the scan of `file`. A problem of the file is part of the result, and never raised."""
    try:
        if not file.path.is_file():
            return ScannedPhoto(file, problem="is a broken link, or not a regular file")
        size = file.path.stat().st_size
        if size == 0:
            return ScannedPhoto(file, problem="is empty")
        if size > MAX_BYTES:
            return ScannedPhoto(file, problem=f"has {size / 1e6:,.0f} MB, over {MAX_BYTES / 1e6:.0f}")
        content = file.path.read_bytes()
        digest = hashlib.sha256(content).digest()
        frame = read_image(content, "it")
    except ImageError as error:
        return ScannedPhoto(file, problem=error.message)
    except OSError as error:
        return ScannedPhoto(file, problem=f"cannot be read ({error.strerror})")
    small = thumbnail(frame)
    channels = small.astype(np.float32)
    appearance = Appearance(
        width=frame.shape[1],
        height=frame.shape[0],
        format=image_format(content),
        contrast=float(channels.mean(axis=2).std()),
        colour=float((channels.max(axis=2) - channels.min(axis=2)).mean()),
        fingerprint=fingerprint(small),
    )
    return ScannedPhoto(file, digest, appearance)
