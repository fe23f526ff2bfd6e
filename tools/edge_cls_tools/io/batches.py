"""Photos as batches of preprocessed pixels, the input of a network."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import DatasetError, ImageError, OutputError
from edge_cls.images.preprocess import preprocess
from edge_cls.images.reading import read_image

BATCH = 32
"""Photos in a batch."""
PIXEL_MEAN = PIXEL_STD = 127.5
"""The input of a float backbone is (byte - PIXEL_MEAN) / PIXEL_STD, which is in [-1, 1]."""
Pixels = NDArray[np.uint8]
Normalize = Callable[[Pixels], NDArray[np.float32]]
"""Returns the input of a float network for pixels of 0 to 255."""
Advance = Callable[[int], None]
"""Called with the number of photos done since the last call."""


def batches(paths: Sequence[Path], contract: Preprocessing, advance: Advance) -> Iterator[Pixels]:
    """Yield the preprocessed photos, uint8 (at most BATCH, height, width, 3), in order.

    Raises DatasetError if photos cannot be read, with the number of all such photos and the first of them.
    """
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        try:
            pixels = [preprocess(read_image(path), contract) for path in batch]
        except ImageError:
            raise _unreadable(paths) from None
        yield np.stack(pixels)
        advance(len(batch))


def stored(paths: Sequence[Path], contract: Preprocessing, folder: Path, advance: Advance) -> Pixels:
    """Return the photos of `batches` as one array, uint8 (n, height, width, 3), in a file in `folder`, not in memory.

    The file has no name, so that it disappears with the process, even after a crash. Raises OutputError if the disk is
    full, and DatasetError if photos cannot be read.
    """
    shape = (len(paths), contract.height, contract.width, 3)
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            # The space is reserved, because a write to a mapped file on a full disk would kill the process.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        except OSError as error:
            raise OutputError(
                f"{folder} has no room for {math.prod(shape) / 1e9:.1f} GB of pixels ({error.strerror})",
                hint="free some space, or choose another place",
            ) from error
        pixels = np.memmap(file, np.uint8, "r+", shape=shape)
    done = 0
    for batch in batches(paths, contract, advance):
        pixels[done : done + len(batch)] = batch
        done += len(batch)
    return pixels


def _unreadable(paths: Sequence[Path]) -> DatasetError:
    problems = []
    for path in paths:
        try:
            read_image(path)
        except ImageError as error:
            problems.append(error.message)
    more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
    return DatasetError(
        f"{len(problems)} of {len(paths)} photos cannot be read: {', '.join(problems[:5])}{more}",
        hint="remove or replace them; 'edge-cls dataset check' lists all such files",
    )


def normalize(pixels: Pixels) -> NDArray[np.float32]:
    """Return the input of a float backbone: pixel values 0 to 255 as float32 in [-1, 1]."""
    return np.asarray(pixels.astype(np.float32) / np.float32(127.5) - np.float32(1.0), np.float32)
