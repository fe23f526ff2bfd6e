"""Folders of photos that show nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_cls.images.reading import encode_png


def write_photos(folder: Path, count: int) -> Path:
    """Write `count` different photos, half of them in a folder below."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("" if number % 2 else "more") / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(random.integers(0, 256, (16, 16, 3), np.uint8)))
    return folder
