"""From a frame to the pixels that enter a model: the one implementation, for training, calibration and the device.

Everywhere in edge-cls a frame is an RGB array of shape (height, width, 3) and dtype uint8. Sources of frames convert
their own formats to it.

The resize is exact: it gives the same bytes on x86 and on ARM. OpenCV's `INTER_AREA` and `INTER_LINEAR` do not.
Therefore the frame first shrinks by a whole factor (a mean over boxes of whole pixels), and then, by less than two,
with `INTER_LINEAR_EXACT`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ImageError
from edge_cls.images.geometry import box_factor, center_crop

Frame = NDArray[np.uint8]


def preprocess(frame: Frame, contract: Preprocessing, into: Frame | None = None) -> Frame:
    """Return the input pixels of a model for `frame`: RGB, uint8, shape (contract.height, contract.width, 3).

    If `into` is a contiguous, writeable array of that shape, the pixels are written into it and it is returned; it must
    not overlap `frame`. Raises ImageError if `frame` is not an RGB frame: shapes and dtypes are not guessed.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise ImageError(
            f"a frame of shape {frame.shape} and dtype {frame.dtype} is not an RGB image (height, width, 3) of uint8",
            hint="convert it first, for example with cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)",
        )
    height, width = frame.shape[:2]
    crop = center_crop(width, height, contract.width, contract.height)
    visible = frame[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    return resize(visible, contract.width, contract.height, into)


def resize(frame: Frame, width: int, height: int, into: Frame | None = None) -> Frame:
    """Return `frame` resized to `width` x `height`, without aliasing and with the same bytes on every processor.

    `into` as for `preprocess`.
    """
    if into is not None and not (
        into.shape == (height, width, 3) and into.dtype == np.uint8 and into.flags.c_contiguous and into.flags.writeable
    ):
        into = None
    factor = box_factor(frame.shape[1], frame.shape[0], width, height)
    if frame.shape[0] // factor == height and frame.shape[1] // factor == width:
        if factor > 1:
            return _shrink(frame, factor, into)
        if into is None:
            return frame.copy()  # the caller may write into the frame or into the copy
        np.copyto(into, frame)
        return into
    if factor > 1:
        frame = _shrink(frame, factor)
    return _resize(frame, (width, height), cv2.INTER_LINEAR_EXACT, into)


def _shrink(frame: Frame, factor: int, into: Frame | None = None) -> Frame:
    """Return the mean over boxes of `factor` x `factor` pixels; remaining pixels are cut off evenly at the edges."""
    height, width = frame.shape[0] // factor, frame.shape[1] // factor
    top, left = (frame.shape[0] - height * factor) // 2, (frame.shape[1] - width * factor) // 2
    whole = frame[top : top + height * factor, left : left + width * factor]
    # With a whole factor INTER_AREA adds integers and divides once, so that it is exact; with others it is not.
    return _resize(whole, (width, height), cv2.INTER_AREA, into)


def _resize(frame: Frame, size: tuple[int, int], interpolation: int, into: Frame | None) -> Frame:
    if into is None:
        into = np.empty((size[1], size[0], 3), np.uint8)
    cv2.resize(frame, size, into, interpolation=interpolation)
    return into
