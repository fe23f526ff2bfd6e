"""Examples to put into a memory, and a look at what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_cls.core.quantization import QuantizedVector
from edge_cls.memory.store import Example, Memory


def example(label: str = "mug", *, crop: bytes = b"jpeg", space: str = "space") -> Example:
    """Return an example with a vector of 128 numbers."""
    vector = np.arange(-64, 64, dtype=np.int8)
    return Example(label, space, QuantizedVector(vector, 0.25, -3), crop, 1_700_000_000.125)


def labels_in(path: Path) -> list[str]:
    """Return the labels in a memory, in its order."""
    with Memory(path) as memory:
        return [stored.label for stored in memory.examples()]
