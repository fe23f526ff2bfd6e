"""A video that OpenCV writes and reads anywhere: Motion JPEG in AVI."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.colors import COLORS


def write_video(path: Path, count: int = 3) -> Path:
    """Write a video of `count` red frames, 64 x 48 pixels, and return its path."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    assert writer.isOpened()
    for _ in range(count):
        writer.write(np.full((48, 64, 3), COLORS["red"][::-1], np.uint8))
    writer.release()
    return path
