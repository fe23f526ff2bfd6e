"""What OpenCV's captures have in common: frames decoded into buffers that are used again, and the time of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.ports import Clock
from edge_cls.sources.pixels import bgr_to_rgb


class Decoder:
    """Gives what `capture` has grabbed as RGB."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self._bgr: Frame | None = None

    def retrieve(self, into: Frame | None) -> Frame | None:
        """Return the grabbed frame, written into `into` where it fits; None where it cannot be decoded."""
        there, bgr = self._capture.retrieve(self._bgr)
        if not there:
            return None
        self._bgr = np.asarray(bgr, np.uint8)
        return bgr_to_rgb(self._bgr, into)


def capture_time(clock: Clock, stamp: float, *, oldest: float) -> tuple[float, float]:
    """Return when a frame was captured, in seconds since 1970 and of the monotonic clock.

    `stamp` is what the driver says, in seconds. Some drivers count from elsewhere: what lies in the future, or more
    than `oldest` seconds back, is not believed, and the frame is of now.
    """
    timestamp, now = clock.time(), clock.monotonic()
    age = now - stamp
    return (timestamp - age, stamp) if 0 <= age <= oldest else (timestamp, now)
