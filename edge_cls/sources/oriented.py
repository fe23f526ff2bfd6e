"""The frames of another source, rotated, mirrored, and cropped to the region of interest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from edge_cls.errors import ConfigError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import MIN_SIDE
from edge_cls.runtime.ports import CapturedFrame, FrameSource
from edge_cls.sources.pixels import frame_buffer
from edge_cls.sources.region import WHOLE, Region, check_region

_TURNS: Mapping[int, int] = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class Oriented:
    """The frames of `source`, rotated clockwise by `rotation` degrees, mirrored left to right, then cropped to `roi`.

    The same is done to `detail`. Raises ConfigError if the rotation is not a multiple of 90 or the region is not inside
    the frame, and, when the first frame is read, if the region has less than 8 x 8 pixels.
    """

    def __init__(
        self, source: FrameSource, *, rotation: int = 0, mirror: bool = False, roi: Region | None = None
    ) -> None:
        if rotation not in (0, *_TURNS):
            raise ConfigError(
                f"rotation is {rotation}, not 0, 90, 180 or 270", hint="give the clockwise rotation in degrees"
            )
        self._source = source
        self._rotation = rotation
        self._mirror = mirror
        self._roi = check_region(roi or WHOLE)
        self._raw: Frame | None = None

    @property
    def live(self) -> bool:
        """Whether the source is live."""
        return self._source.live

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame."""
        frame = self._source.read(self._raw)
        if frame is None:
            return None
        self._raw = frame.image
        return replace(frame, image=self._upright(frame.image, into), detail=self._detail(frame.detail))

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _detail(self, detail: Callable[[], Frame] | None) -> Callable[[], Frame] | None:
        return None if detail is None else lambda: self._upright(detail(), None)

    def _upright(self, image: Frame, into: Frame | None) -> Frame:
        # No pixel is copied before `frame_buffer`: the region is found in a rotated and mirrored view, the view is
        # turned back, and OpenCV then rotates only the pixels of the region.
        view = np.rot90(image, -self._rotation // 90)
        view = view[:, ::-1] if self._mirror else view
        view = _cut(view, self._roi)
        height, width = view.shape[:2]
        view = view[:, ::-1] if self._mirror else view
        view = np.rot90(view, self._rotation // 90)
        frame = frame_buffer(into, height, width)
        if self._rotation:
            cv2.rotate(view, _TURNS[self._rotation], dst=frame)
        else:
            np.copyto(frame, view)
        if self._mirror:
            cv2.flip(frame, 1, dst=frame)
        return frame


def _cut(view: Frame, roi: Region) -> Frame:
    height, width = view.shape[:2]
    left, right = round(roi[0] * width), round((roi[0] + roi[2]) * width)
    top, bottom = round(roi[1] * height), round((roi[1] + roi[3]) * height)
    if min(right - left, bottom - top) < MIN_SIDE:
        raise ConfigError(
            f"the region of interest is {right - left} x {bottom - top} pixels of the frame's {width} x {height},"
            " too small to classify",
            hint=f"make it at least {MIN_SIDE} x {MIN_SIDE} pixels",
        )
    return view[top:bottom, left:right]
