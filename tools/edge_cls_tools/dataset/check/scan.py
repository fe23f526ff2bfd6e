"""What can be seen of one photo file: whether it can be used, and what it looks like."""

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
from edge_cls_tools.dataset.check.similarity import Likeness, likeness, small_look

MAX_BYTES = 100_000_000
"""A larger file is no photo that anybody trains with, and reading it would take the memory."""
_POOL_FROM, _CHUNK, _MAX_WORKERS = 400, 16, 4


@dataclass(frozen=True, eq=False)
class Sight:
    """What a photo looks like.

    `contrast` is the standard deviation of its brightness, in levels of 255, `colour` how far the strongest of red,
    green and blue is above the weakest, on average.
    """

    width: int
    height: int
    format: str
    contrast: float
    colour: float
    likeness: Likeness


@dataclass(frozen=True, eq=False)
class Examined:
    """A photo file, the SHA-256 of its bytes, and what it looks like, or else why it cannot be used."""

    file: PhotoFile
    digest: bytes = b""
    sight: Sight | None = None
    problem: str = ""


def examine_all(files: Sequence[PhotoFile]) -> Iterator[Examined]:
    """Yield what is seen of each file, in order; large sets are read by up to four processes.

    Raises DatasetError where the system kills one of them.
    """
    if len(files) < _POOL_FROM:
        yield from map(examine, files)
        return
    # Spawned, not forked: the threads of numerical libraries do not survive a fork.
    with ProcessPoolExecutor(min(_MAX_WORKERS, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(examine, files, chunksize=_CHUNK)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that reads photos was killed, perhaps for want of memory",
                hint="run it again, with more free",
            ) from error


def examine(file: PhotoFile) -> Examined:
    """Return what is seen of `file`. What is wrong with it is told in the result, and never raised."""
    try:
        if not file.path.is_file():
            return Examined(file, problem="is a broken link, or no regular file")
        size = file.path.stat().st_size
        if size == 0:
            return Examined(file, problem="is empty")
        if size > MAX_BYTES:
            return Examined(file, problem=f"has {size / 1e6:,.0f} MB, over {MAX_BYTES / 1e6:.0f}")
        content = file.path.read_bytes()
        digest = hashlib.sha256(content).digest()
        frame = read_image(content, "it")
    except ImageError as error:
        return Examined(file, problem=error.message)
    except OSError as error:
        return Examined(file, problem=f"cannot be read ({error.strerror})")
    look = small_look(frame)
    channels = look.astype(np.float32)
    sight = Sight(
        width=frame.shape[1],
        height=frame.shape[0],
        format=image_format(content),
        contrast=float(channels.mean(axis=2).std()),
        colour=float((channels.max(axis=2) - channels.min(axis=2)).mean()),
        likeness=likeness(look),
    )
    return Examined(file, digest, sight)
