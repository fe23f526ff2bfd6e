"""The common part of OpenCV's captures: frames decoded into reused buffers, and the capture time of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.ports import Clock
from edge_cls.sources.pixels import bgr_to_rgb


class Decoder:
    """Decodes the frames that `capture` has grabbed to RGB."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self._bgr: Frame | None = None

    def retrieve(self, into: Frame | None) -> Frame | None:
        """Return the grabbed frame, written into `into` if its shape fits; None if the frame cannot be decoded."""
        there, bgr = self._capture.retrieve(self._bgr)
        if not there:
            return None
        self._bgr = np.asarray(bgr, np.uint8)
        return bgr_to_rgb(self._bgr, into)


def capture_time(clock: Clock, stamp: float, *, oldest: float) -> tuple[float, float]:
    """Return the time at which a frame was captured, in seconds since 1970 and in seconds of the monotonic clock.

    `stamp` is the driver's time of the frame, in seconds of the monotonic clock. Some drivers use another clock: if the
    stamp is in the future or more than `oldest` seconds in the past, the current time is returned instead.
    """
    timestamp, now = clock.time(), clock.monotonic()
    age = now - stamp
    return (timestamp - age, stamp) if 0 <= age <= oldest else (timestamp, now)
