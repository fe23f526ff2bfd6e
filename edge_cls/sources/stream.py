"""A network camera, through OpenCV and FFmpeg."""

from __future__ import annotations

import cv2

from edge_cls.core.urls import public_name
from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.capture import Decoder
from edge_cls.sources.names import STALL_S


class StreamSource:
    """The frames of the stream at `url`: rtsp, http (Motion JPEG, or another format that FFmpeg reads) or https.

    Messages and frames name only the host of the URL. Raises SourceError if the stream cannot be opened, ends, or gives
    no frame for `stall_s` seconds.
    """

    live = True

    def __init__(self, url: str, *, clock: Clock, stall_s: float = STALL_S) -> None:
        self._name = public_name(url)
        self._clock = clock
        self._stall_s = stall_s
        self._index = 0
        timeout_ms = max(1, round(stall_s * 1000))
        self._capture = cv2.VideoCapture(
            url,
            cv2.CAP_FFMPEG,
            [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms],
        )
        if not self._capture.isOpened():
            raise SourceError(
                f"{self._name} cannot be opened: there is no answer, no video, or the password is wrong",
                hint="try the same address in a player, for example: ffplay ADDRESS",
            )
        self._decoder = Decoder(self._capture)

    def read(self, into: Frame | None = None) -> CapturedFrame:
        """Return the next frame."""
        if not self._capture.isOpened():
            raise SourceError(f"{self._name} is closed", hint="open it again")
        there = self._capture.grab()
        timestamp, captured = self._clock.time(), self._clock.monotonic()
        image = self._decoder.retrieve(into) if there else None
        if image is None:
            raise SourceError(
                f"{self._name} ended, or gave no frame for {self._stall_s:g} s", hint="check the camera and the network"
            )
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, self._name), image)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the connection. Closing twice is safe."""
        self._capture.release()
