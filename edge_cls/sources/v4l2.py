"""A USB camera, through OpenCV and Video4Linux."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2

from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.capture import Decoder, capture_time
from edge_cls.sources.names import STALL_S, device_file

log = logging.getLogger(__name__)

_CABLE = "check its cable, or plug it in again"


class V4l2Source:
    """The camera `device`: a number as in /dev/video0, or a path. Paths below /dev/v4l/by-id never change.

    `size` (width, height) and `fps` are requested from the camera, and the values that it chose are logged. Raises
    SourceError if the camera is missing, in use or not readable by this user, or gives no frame for `stall_s` seconds.
    (The first frame may take OpenCV's own 10 seconds.)
    """

    live = True

    def __init__(
        self,
        device: str,
        *,
        clock: Clock,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        stall_s: float = STALL_S,
    ) -> None:
        self._name = device_file(device)
        self._clock = clock
        self._stall_s = stall_s
        self._index = 0
        self._check_device()
        self._capture = cv2.VideoCapture(self._name, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(
                f"{self._name} cannot be opened: it is in use, or it is not a camera",
                hint=f"list its users: fuser -v {self._name}; list all cameras: v4l2-ctl --list-devices",
            )
        self._decoder = Decoder(self._capture)
        self._configure(size, fps)

    def read(self, into: Frame | None = None) -> CapturedFrame:
        """Return the next frame."""
        if not self._capture.isOpened():
            raise SourceError(f"{self._name} is closed", hint="open it again")
        try:
            ready, which = cv2.VideoCapture.waitAny([self._capture], round(self._stall_s * 1e9))
            if not ready:
                raise SourceError(f"{self._name} gave no frame for {self._stall_s:g} s", hint=_CABLE)
            image = self._decoder.retrieve(into) if len(which) else None
        except cv2.error as error:
            raise SourceError(f"{self._name} failed ({error.err})", hint=_CABLE) from error
        if image is None:
            raise SourceError(f"{self._name} gives no more frames", hint=_CABLE)
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        timestamp, captured = capture_time(self._clock, stamp, oldest=self._stall_s)
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, self._name), image)
        self._index += 1
        return frame

    def close(self) -> None:
        """Release the device. Closing twice is safe."""
        self._capture.release()

    def _check_device(self) -> None:
        if not Path(self._name).exists():
            raise SourceError(
                f"{self._name} does not exist",
                hint="plug it in; list all cameras: v4l2-ctl --list-devices",
            )
        if not os.access(self._name, os.R_OK | os.W_OK):
            raise SourceError(
                f"{self._name} may not be used by this user",
                hint="run: sudo usermod -aG video $USER, and log in again",
            )

    def _configure(self, size: tuple[int, int] | None, fps: float | None) -> None:
        # USB is too slow for large raw frames at the full frame rate. A camera without JPEG keeps its format.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if size is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        if fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, fps)
        got = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        adjusted = size is not None and got != tuple(size)
        log.log(
            logging.WARNING if adjusted else logging.INFO,
            "%s gives %d x %d at %g fps%s",
            self._name,
            *got,
            self._capture.get(cv2.CAP_PROP_FPS),
            f", not the requested {size[0]} x {size[1]}" if size and adjusted else "",
        )
