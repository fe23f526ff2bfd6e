"""Golden frames: pictures with the outputs that a model gave for them where it was made.

They are arithmetic and no photos, since a photo would take somebody's picture along with every copy of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 12
"""How many int8 steps an output may be off.

XNNPACK's kernels on x86 and on ARM were seen to differ by up to 8; this leaves half as much again. Swapped colours or
another crop are off by far more, and the pixels, which must be the same to the bit, tell them first.
"""


@dataclass(frozen=True)
class GoldenFrame:
    """A frame as a PNG file, the SHA-256 of the pixels that enter the model, and the model's outputs by name.

    The outputs are int8, one byte a number; `edge_cls.core.quantization.quantize_vector` brings them there.
    """

    png: bytes
    pixels_sha256: str
    outputs: dict[str, bytes]


def synthetic_frames(width: int, height: int) -> tuple[NDArray[np.uint8], ...]:
    """Return three RGB frames, uint8 (h, w, 3), for a model of `width` x `height` pixels.

    One is wide and over twice as large, so that it is cropped, shrunk by a whole factor and by the rest; one is tall
    and smaller, so that it is cropped and enlarged; one is exactly as large. No two channels are alike.
    """
    return (
        _picture(width * 11 // 4, height * 9 // 4, shift=0),
        _picture(max(1, width * 3 // 4), height, shift=1),
        _picture(width, height, shift=2),
    )


def _picture(width: int, height: int, *, shift: int) -> NDArray[np.uint8]:
    """Return gradients, one of them diagonal, with a disc and a bar, all in integers; the channels are shifted."""
    y, x = np.mgrid[:height, :width]
    across, down = 255 * x // width, 255 * y // height
    disc = (3 * x - width) ** 2 + (3 * y - 2 * height) ** 2 < min(width, height) ** 2 // 2
    bar = (5 * x > 3 * width) & (5 * x < 4 * width)
    red = np.where(disc, 230, across)
    green = np.where(bar, 40, (across + down) // 2)
    blue = np.where(disc | bar, 60, 255 - down // 2)
    picture = np.stack([red, green, blue], axis=2)
    return np.asarray(np.roll(picture, shift, axis=2), np.uint8)
