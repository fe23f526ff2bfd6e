"""Views of a pool of photos and the teacher's embeddings of them, cached on disk.

The teacher is the slowest part of a distillation. Each photo gets a fixed number of random views, which the student
sees again in every epoch, so that the teacher has to embed each view only once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ImageError, OutputError
from edge_cls.images.preprocess import Frame, resize
from edge_cls.model.file import sha256
from edge_cls_tools.distillation.augmentation import random_view
from edge_cls_tools.distillation.photo_pool import PoolPhoto
from edge_cls_tools.io.batches import Normalize, normalize

if TYPE_CHECKING:
    # The worker processes do not need Keras, which takes seconds to import and may claim the memory of a GPU.
    import keras

CHUNK = 500
"""Photos per job of a worker process."""


@dataclass(frozen=True)
class ViewCache:
    """Views, uint8 (n, size, size, 3), and the teacher's embeddings of them, float16 (n, dim).

    View i shows photo i % `photos`. `digest` identifies the photos, the teacher and the options of the cache.
    """

    views: NDArray[np.uint8]
    embeddings: NDArray[np.float16]
    photos: int
    digest: str


@dataclass(frozen=True)
class LiteTeacher:
    """A teacher in floating point for LiteRT, and the function that returns its input for pixels of 0 to 255."""

    network: bytes
    normalize: Normalize = normalize


@dataclass(frozen=True)
class _Job:
    photos: Sequence[PoolPhoto]
    round: int
    start: int
    teacher: LiteTeacher | None
    teacher_size: int
    student_size: int
    seed: int


def cache_views(
    photos: Sequence[PoolPhoto],
    teacher: LiteTeacher | keras.Model,
    folder: Path,
    *,
    views: int,
    size: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> ViewCache:
    """Return `views` random views of each photo with the embeddings of `teacher`.

    The teacher is either a network for LiteRT, which runs in the worker processes on every core, or a Keras backbone,
    which gets the views in this process. The first is faster on a CPU; an accelerator needs the second. If `folder`
    contains a cache made with the same arguments, it is reused. A photo that cannot be decoded is replaced by the one
    before it. `progress(done, total)` is called after each chunk. Raises OutputError if the disk is too small.
    """
    total = len(photos) * views
    key = {
        "photos": sha256(repr([(photo.path.name, photo.offset, photo.size) for photo in photos]).encode()),
        "teacher": _digest(teacher),
        "views": views,
        "size": size,
        "seed": seed,
    }
    files = folder / "views.npy", folder / "teacher.npy"
    marker = folder / "views.json"
    if not (marker.is_file() and json.loads(marker.read_text()) == key):
        folder.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        dim, teacher_size = _shapes(teacher)
        _check_space(folder, total * (size * size * 3 + 2 * dim))
        pixels = np.lib.format.open_memmap(files[0], "w+", np.uint8, (total, size, size, 3))
        vectors = np.lib.format.open_memmap(files[1], "w+", np.float16, (total, dim))
        network = teacher if isinstance(teacher, LiteTeacher) else None
        jobs = [
            _Job(photos[start : start + CHUNK], round_, start, network, teacher_size, size, seed)
            for round_ in range(views)
            for start in range(0, len(photos), CHUNK)
        ]
        done = 0
        # Spawned, not forked, because TensorFlow's threads do not survive a fork.
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            for future in as_completed(pool.submit(_render, job) for job in jobs):
                job, chunk, embedded = future.result()
                first = job.round * len(photos) + job.start
                pixels[first : first + len(chunk)] = chunk
                if not isinstance(teacher, LiteTeacher):
                    import keras

                    embedded = keras.ops.convert_to_numpy(teacher.predict_on_batch(normalize(embedded)))
                vectors[first : first + len(chunk)] = embedded
                done += len(chunk)
                progress(done, total)
        pixels.flush()
        vectors.flush()
        marker.write_text(json.dumps(key))
    digest = sha256(json.dumps(key).encode())
    return ViewCache(np.load(files[0], mmap_mode="r"), np.load(files[1], mmap_mode="r"), len(photos), digest)


def _check_space(folder: Path, needed: int) -> None:
    """Raise OutputError if the disk is too small: writing to a mapped file on a full disk kills the process."""
    free = shutil.disk_usage(folder).free
    if free < 1.05 * needed:
        raise OutputError(
            f"the views need {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB free",
            hint="use fewer photos or views, a smaller size, or another disk",
        )


def _digest(teacher: LiteTeacher | keras.Model) -> str:
    if isinstance(teacher, LiteTeacher):
        return sha256(teacher.network)
    return sha256(b"".join(weight.tobytes() for weight in teacher.get_weights()))


def _shapes(teacher: LiteTeacher | keras.Model) -> tuple[int, int]:
    """Return the dimensions of the teacher's embedding, and the side of its input in pixels."""
    if isinstance(teacher, LiteTeacher):
        interpreter = Interpreter(teacher.network)
        return int(interpreter.outputs[0].shape[-1]), int(interpreter.input.shape[1])
    return int(teacher.output_shape[-1]), int(teacher.input_shape[1])


def _render(job: _Job) -> tuple[_Job, NDArray[np.uint8], NDArray[Any]]:
    """Return the student's views, and their embeddings; or the teacher's views, if it is a Keras model."""
    interpreter = Interpreter(job.teacher.network, threads=1) if job.teacher else None
    pixels = np.empty((len(job.photos), job.student_size, job.student_size, 3), np.uint8)
    embedded: list[NDArray[Any]] = []
    frame: Frame = np.zeros((job.teacher_size, job.teacher_size, 3), np.uint8)
    for i, photo in enumerate(job.photos):
        rng = np.random.default_rng([job.seed, job.round, job.start + i])
        with contextlib.suppress(ImageError):
            frame = photo.read()
        view = random_view(frame, job.teacher_size, rng)
        pixels[i] = resize(view, job.student_size, job.student_size)
        if interpreter and job.teacher:
            embedded.append(interpreter.invoke(job.teacher.normalize(view))[0].astype(np.float16))
        else:
            embedded.append(view)
    return job, pixels, np.stack(embedded)
