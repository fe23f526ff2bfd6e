"""Crop arithmetic: the pixels of a frame that enter a model."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle of whole pixels: `left`, `top`, and its `width` and `height`."""

    left: int
    top: int
    width: int
    height: int


def center_crop(width: int, height: int, to_width: int, to_height: int) -> Box:
    """Return the largest centred box of a `width` x `height` frame with the aspect ratio of `to_width:to_height`.

    The box has at least one pixel each way and lies inside the frame.

    >>> center_crop(640, 480, 224, 224)
    Box(left=80, top=0, width=480, height=480)
    """
    if width * to_height >= height * to_width:
        crop_width, crop_height = max(1, height * to_width // to_height), height
    else:
        crop_width, crop_height = width, max(1, width * to_height // to_width)
    return Box((width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height)


def box_factor(width: int, height: int, to_width: int, to_height: int) -> int:
    """Return the largest whole factor by which a frame can shrink and still be at least `to_width` x `to_height`.

    >>> box_factor(480, 480, 96, 96), box_factor(300, 300, 96, 96), box_factor(64, 64, 96, 96)
    (5, 3, 1)
    """
    return max(1, min(width // to_width, height // to_height))
