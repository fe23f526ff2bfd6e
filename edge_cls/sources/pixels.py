"""Converts camera buffers to RGB frames, without the padding of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_cls.images.preprocess import Frame

Buffer = NDArray[np.uint8]


def frame_buffer(into: Frame | None, height: int, width: int) -> Frame:
    """Return `into` if a frame of this size can be written into it, otherwise a new array of (height, width, 3)."""
    if into is not None and into.shape == (height, width, 3) and into.dtype == np.uint8 and into.flags.c_contiguous:
        return into
    return np.empty((height, width, 3), np.uint8)


def copied(image: Frame, into: Frame | None) -> Frame:
    """Return `image`, copied into `into` if there is one and its shape fits."""
    if into is None:
        return image
    frame = frame_buffer(into, *image.shape[:2])
    np.copyto(frame, image)
    return frame


def bgr_to_rgb(bgr: Frame, into: Frame | None = None) -> Frame:
    """Return the RGB frame of an image in OpenCV's order B, G, R, written into `into` if its shape fits."""
    frame = frame_buffer(into, *bgr.shape[:2])
    cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=frame)
    return frame


def _packed(channels: int, code: int | None) -> Callable[[Buffer, int, int, int, Frame], None]:
    def convert(buffer: Buffer, width: int, height: int, stride: int, frame: Frame) -> None:
        rows = buffer[: height * stride].reshape(height, stride)
        pixels = rows[:, : width * channels].reshape(height, width, channels)
        if code is None:
            np.copyto(frame, pixels)
        else:
            cv2.cvtColor(pixels, code, dst=frame)

    return convert


def _nv12(buffer: Buffer, width: int, height: int, stride: int, frame: Frame) -> None:
    rows = buffer[: height * 3 // 2 * stride].reshape(height * 3 // 2, stride)[:, :width]
    chroma = rows[height:].reshape(height // 2, width // 2, 2)
    cv2.cvtColorTwoPlane(rows[:height], chroma, cv2.COLOR_YUV2RGB_NV12, dst=frame)


def _yuv420(buffer: Buffer, width: int, height: int, stride: int, frame: Frame) -> None:
    luma = buffer[: height * stride].reshape(height, stride)[:, :width]
    # OpenCV converts chroma planes with padding only if the two are interleaved.
    planes = buffer[height * stride : height * 3 // 2 * stride].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    chroma = cv2.merge([planes[0], planes[1]])
    cv2.cvtColorTwoPlane(luma, chroma, cv2.COLOR_YUV2RGB_NV12, dst=frame)


_CONVERSIONS: Mapping[str, Callable[[Buffer, int, int, int, Frame], None]] = {
    # libcamera names these by the bits of a little-endian word, so the first byte of BGR888 is red.
    "BGR888": _packed(3, None),
    "RGB888": _packed(3, cv2.COLOR_BGR2RGB),
    "XBGR8888": _packed(4, cv2.COLOR_RGBA2RGB),
    "XRGB8888": _packed(4, cv2.COLOR_BGRA2RGB),
    "NV12": _nv12,
    "YUV420": _yuv420,
}
FORMATS = tuple(_CONVERSIONS)
"""The formats of libcamera that `to_rgb` converts."""


def buffer_size(pixel_format: str, height: int, stride: int) -> int:
    """Return the smallest number of bytes of a whole frame."""
    return height * stride * 3 // 2 if pixel_format in ("NV12", "YUV420") else height * stride


def to_rgb(buffer: Buffer, pixel_format: str, width: int, height: int, stride: int, into: Frame | None = None) -> Frame:
    """Return the frame in a flat camera buffer as RGB, (height, width, 3), written into `into` if its shape fits.

    `stride` is the length of a row in bytes; for planar formats, of a row of luma. YUV is BT.601 with limited range,
    and its width and height are even. Raises KeyError if the format is not one of FORMATS.
    """
    frame = frame_buffer(into, height, width)
    _CONVERSIONS[pixel_format](buffer, width, height, stride, frame)
    return frame
