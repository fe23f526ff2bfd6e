"""Examples to put into a memory, and a look at what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_cls.core.quantization import QuantizedVector
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
        return [stored.label for stored in memory.examples()]
