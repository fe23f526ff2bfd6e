"""Noisy red, green and blue pictures: the classes of tiny.tflite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edge_cls.images.preprocess import Frame

COLORS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def color_frame(name: str, seed: int = 0, side: int = 40) -> Frame:
    """Return a noisy picture of one colour, uint8 (side, side, 3)."""
    noise = np.random.default_rng([seed, *name.encode()]).normal(COLORS[name], 50, (side, side, 3))
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


def write_colors(folder: Path, count: int) -> None:
    """Write `count` pictures of each colour, one folder per colour."""
    for name in COLORS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.fromarray(color_frame(name, index)).save(folder / name / f"{index:02d}.png")
