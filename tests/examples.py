"""Examples for a memory, and a function that lists its labels."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_cls.core.quantization import QuantizedVector
from edge_cls.memory.schema import APPLICATION_ID
from edge_cls.memory.store import Memory

TAUGHT_AT = 1_700_000_000.125


def vector(seed: int = 0) -> QuantizedVector:
    """Return a vector of 128 numbers."""
    return QuantizedVector(np.roll(np.arange(-64, 64, dtype=np.int8), seed), 0.25, -3)


def teach(memory: Memory, label: str = "mug", *, crop: bytes = b"jpeg", space: str = "space", seed: int = 0) -> str:
    """Store an example and return its id."""
    return memory.add(label, vector(seed), space=space, crop=crop, taught_at=TAUGHT_AT)


def labels_in(path: Path) -> list[str]:
    """Return the labels in a memory, in its order."""
    with Memory(path) as memory:
        return [stored.label for stored in memory.embeddings()]


def embed(crop: bytes) -> QuantizedVector:
    """Return the vector that the tests' model makes of a crop."""
    return QuantizedVector(np.frombuffer(crop.ljust(8, b"\0")[:8], np.int8), 0.25, -3)


def make_version_1(path: Path, count: int, crop: Callable[[int], bytes]) -> list[str]:
    """Write a memory as the first release did, and return the ids in it."""
    ids = [str(uuid.UUID(int=7 * number % count, version=4)) for number in range(count)]
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA page_size = 4096")
        old.execute(
            "CREATE TABLE example (id TEXT PRIMARY KEY, label TEXT NOT NULL, space TEXT NOT NULL, "
            "embedding BLOB NOT NULL, scale REAL NOT NULL,"
            " zero_point INTEGER NOT NULL, crop BLOB NOT NULL, taught_at REAL NOT NULL) STRICT"
        )
        for number, identity in enumerate(ids):
            values = np.full(8, number, np.int8).tobytes()
            row = (identity, f"class {number % 3}", "space", values, 0.25, -3, crop(number), 100.5 + number)
            old.execute("INSERT INTO example VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    return ids
