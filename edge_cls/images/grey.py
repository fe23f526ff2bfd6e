"""Frames without colour, as a camera with infrared light sees them at night."""

from __future__ import annotations

import cv2
import numpy as np

from edge_cls.images.preprocess import Frame


def grey(frame: Frame) -> Frame:
    """Return the luminance of an RGB frame, uint8 (height, width, 3), in all three channels (ITU-R BT.601)."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
