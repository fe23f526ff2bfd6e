"""Disk space and times of a memory file, and how they grow with its size. Crops and vectors are random bytes."""

from __future__ import annotations

import functools
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.vectors import Vectors
from edge_cls.memory.store import Example, Memory

CROP = 12_000
"""Bytes of a crop: about those of a photo 256 pixels wide."""
_SPACE = "bench"
_REPEATS = 40
"""Calls per measured action; the median is used."""


@dataclass(frozen=True)
class StorageCost:
    """The costs of a memory with `examples` examples, as ratios.

    `disk`: bytes of the file divided by the bytes of its vectors and crops. `load`: the time to open the file and read
    it into RAM, divided by the time to append the same vectors in RAM. `add`: the time to store one example durably,
    divided by that time in the smallest memory measured. `poll`: the time to find that the file has not changed,
    divided by the time of one search among a thousand vectors. `poll_bytes`: the bytes read from files by such a poll,
    None if the operating system does not count them.
    """

    examples: int
    disk: float
    load: float
    add: float
    poll: float
    poll_bytes: int | None


def storage_costs(counts: list[int], *, dim: int, folder: Path | None = None) -> list[StorageCost]:
    """Measure memories of `counts` examples with `dim` dimensions, created in `folder` (default: the temporary one)."""
    search = _search_time(dim)
    costs: list[StorageCost] = []
    first_add: float | None = None
    for count in sorted(counts):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            path = Path(name) / "memory.db"
            with Memory(path) as memory:
                memory.merge(_records(count, dim))
            disk = path.stat().st_size / (count * (dim + CROP))
            load, fill = _load_times(path)
            with Memory(path) as memory:
                memory.embeddings()
                poll, poll_bytes = _median(memory.changes), _bytes_read(memory.changes)
                add = _median(functools.partial(_teach, memory, dim, np.random.default_rng(1)))
        first_add = first_add or add
        costs.append(StorageCost(count, disk, load / fill, add / first_add, poll / search, poll_bytes))
    return costs


def _records(count: int, dim: int) -> Iterator[Example]:
    rng = np.random.default_rng(0)
    for index in range(count):
        identity = str(uuid.UUID(bytes=rng.bytes(16), version=4))
        vector = QuantizedVector(rng.integers(-128, 128, dim).astype(np.int8), 0.02, -128)
        yield Example(identity, f"class {index % 100}", 0.0, "bench", None, 1, "bench", rng.bytes(CROP), _SPACE, vector)


def _teach(memory: Memory, dim: int, rng: np.random.Generator) -> None:
    vector = QuantizedVector(rng.integers(-128, 128, dim).astype(np.int8), 0.02, -128)
    memory.add("class 0", vector, space=_SPACE, crop=rng.bytes(CROP), taught_at=0.0)


def _load_times(path: Path) -> tuple[float, float]:
    """Return the seconds to read a file into vectors in RAM, and the part of them spent on filling the vectors."""
    start = time.perf_counter()
    with Memory(path) as memory:
        examples = memory.embeddings()
    read = time.perf_counter()
    vectors = Vectors()
    for example in examples:
        vectors.append(example.embedding)
    end = time.perf_counter()
    return end - start, end - read


def _search_time(dim: int) -> float:
    rng = np.random.default_rng(0)
    vectors = Vectors()
    for row in rng.integers(-128, 128, (1000, dim)).astype(np.int8):
        vectors.append(QuantizedVector(row, 0.02, -128))
    query = vectors[0]
    return _median(lambda: vectors.nearest(query, 5))


def _median(action: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def _bytes_read(action: Callable[[], object]) -> int | None:
    """Return how many bytes `action` reads by system calls, cached or not; None if the system does not count them."""
    counters = Path("/proc/self/io")
    if not counters.exists():
        return None

    def so_far() -> int:
        return int(counters.read_text().split()[1])  # rchar

    so_far()
    before = so_far()
    own = so_far() - before  # bytes read by the measurement itself
    before = so_far()
    action()
    return so_far() - before - own
