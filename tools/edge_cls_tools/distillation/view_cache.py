"""The views of a photo pool, and what the teacher says of each, cached on disk.

The teacher is the dearest part of distillation. Each photo gets a fixed number of random views; every pass of the
student sees them again, so that the teacher sees each one only once.
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
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ImageError, OutputError
from edge_cls.images.preprocess import Frame, resize
from edge_cls.model.file import sha256
from edge_cls_tools.distillation.augmentation import random_view
from edge_cls_tools.distillation.photo_pool import PoolPhoto
from edge_cls_tools.io.batches import normalize

CHUNK = 500


@dataclass(frozen=True)
class ViewCache:
    """Views, uint8 (n, size, size, 3), and the teacher's embeddings of them, float16 (n, dim).

    View i is of photo i % `photos`. `digest` tells caches apart that were made otherwise.
    """

    views: NDArray[np.uint8]
    embeddings: NDArray[np.float16]
    photos: int
    digest: str


@dataclass(frozen=True)
class _Job:
    photos: Sequence[PoolPhoto]
    round: int
    start: int
    teacher: bytes | None
    teacher_size: int
    student_size: int
    seed: int


def cache_views(
    photos: Sequence[PoolPhoto],
    teacher: bytes | keras.Model,
    folder: Path,
    *,
    views: int,
    size: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> ViewCache:
    """Return `views` random views of each photo with the embeddings of `teacher`.

    The teacher is a float TFLite model, which runs beside the rendering on every core, or a Keras backbone, which the
    views are sent to: a processor is faster with the first, and an accelerator needs the second.
    What `folder` holds already, made with the same arguments, is used again. A photo that cannot be decoded is shown
    as its neighbour. `progress(done, total)` is called in between.
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
        network = teacher if isinstance(teacher, bytes) else None
        jobs = [
            _Job(photos[start : start + CHUNK], round_, start, network, teacher_size, size, seed)
            for round_ in range(views)
            for start in range(0, len(photos), CHUNK)
        ]
        done = 0
        # Spawned, not forked: TensorFlow's threads do not survive a fork.
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            for future in as_completed(pool.submit(_render, job) for job in jobs):
                job, chunk, seen = future.result()
                first = job.round * len(photos) + job.start
                pixels[first : first + len(chunk)] = chunk
                if not isinstance(teacher, bytes):
                    seen = keras.ops.convert_to_numpy(teacher.predict_on_batch(normalize(seen)))
                vectors[first : first + len(chunk)] = seen
                done += len(chunk)
                progress(done, total)
        pixels.flush()
        vectors.flush()
        marker.write_text(json.dumps(key))
    digest = sha256(json.dumps(key).encode())
    return ViewCache(np.load(files[0], mmap_mode="r"), np.load(files[1], mmap_mode="r"), len(photos), digest)


def _check_space(folder: Path, needed: int) -> None:
    """Raise OutputError before the views fill the disk: a write into a mapped file of a full disk kills the process."""
    free = shutil.disk_usage(folder).free
    if free < 1.05 * needed:
        raise OutputError(
            f"{folder} has {free / 1e9:.1f} GB free, and the views take {needed / 1e9:.1f} GB",
            hint="use fewer photos or views, a smaller size, or another disk",
        )


def _digest(teacher: bytes | keras.Model) -> str:
    if isinstance(teacher, bytes):
        return sha256(teacher)
    return sha256(b"".join(weight.tobytes() for weight in teacher.get_weights()))


def _shapes(teacher: bytes | keras.Model) -> tuple[int, int]:
    """Return the width of the teacher's embedding, and the side of what it sees."""
    if isinstance(teacher, bytes):
        interpreter = Interpreter(teacher)
        return int(interpreter.outputs[0].shape[-1]), int(interpreter.input.shape[1])
    return int(teacher.output_shape[-1]), int(teacher.input_shape[1])


def _render(job: _Job) -> tuple[_Job, NDArray[np.uint8], NDArray[Any]]:
    """Return the student's views of the job's photos, and the embeddings; or the teacher's views, for it to embed."""
    interpreter = Interpreter(job.teacher, threads=1) if job.teacher else None
    pixels = np.empty((len(job.photos), job.student_size, job.student_size, 3), np.uint8)
    seen = []
    frame: Frame = np.zeros((job.teacher_size, job.teacher_size, 3), np.uint8)
    for i, photo in enumerate(job.photos):
        rng = np.random.default_rng([job.seed, job.round, job.start + i])
        with contextlib.suppress(ImageError):
            frame = photo.read()
        view = random_view(frame, job.teacher_size, rng)
        pixels[i] = resize(view, job.student_size, job.student_size)
        seen.append(interpreter.invoke(normalize(view))[0].astype(np.float16) if interpreter else view)
    return job, pixels, np.stack(seen)
