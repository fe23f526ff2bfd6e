"""A video file as a source of frames, through OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2

from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.capture import Decoder


class VideoSource:
    """Every frame of the video at `path`, as fast as they are read. An animated GIF is a video too.

    The position of a frame is its number divided by the frame rate in the file; without a frame rate, frames have no
    position. Raises SourceError if the file is missing or is not a video.
    """

    live = False

    def __init__(self, path: Path, *, clock: Clock) -> None:
        if not path.is_file():
            problem = "is not a regular file" if path.exists() else "does not exist"
            raise SourceError(f"{path} {problem}", hint="name a video, an image, a folder, a pattern or 'demo'")
        self._path = path
        self._clock = clock
        self._index = 0
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SourceError(f"{path} is not a video that OpenCV can read", hint="convert it to MP4 (H.264)")
        self._decoder = Decoder(self._capture)
        self._fps = self._capture.get(cv2.CAP_PROP_FPS)

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame, or None after the last one. Raises SourceError if the video has no frame at all."""
        if not self._capture.isOpened():
            raise SourceError(f"{self._path} is closed", hint="open it again")
        timestamp, captured = self._clock.time(), self._clock.monotonic()
        image = self._decoder.retrieve(into) if self._capture.grab() else None
        if image is None:
            if self._index == 0:
                raise SourceError(
                    f"{self._path} contains no frame that can be decoded", hint="convert it to MP4 (H.264)"
                )
            return None
        position = self._index / self._fps if self._fps > 0 else None
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, str(self._path), position), image)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the file. Closing twice is safe."""
        self._capture.release()
