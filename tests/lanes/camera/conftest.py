"""Fixtures for the tests of the real Picamera2, which run inside the testbed's root: make test-camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_cls.images.preprocess import Frame
from tests.lanes.camera.virtual import PHOTOS, SIZE, picamera2_library, show

PALETTE = {
    "red": (200, 40, 40),
    "green": (40, 200, 40),
    "blue": (40, 40, 200),
    "yellow": (200, 200, 40),
    "white": (230, 230, 230),
    "black": (25, 25, 25),
}


def half_and_half(left: tuple[int, int, int]) -> Frame:
    """Return a photo with a colour on the left and grey on the right."""
    photo = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
    photo[:, : SIZE[0] // 2] = left
    return photo


@pytest.fixture
def library() -> Any:
    """The real module picamera2, as far as Picamera2Source uses it, with a virtual camera that shows the PALETTE."""
    if not PHOTOS.is_dir():
        pytest.skip("there is no virtual camera of libcamera here: run make test-camera")
    show([half_and_half(color) for color in PALETTE.values()])
    return picamera2_library()
