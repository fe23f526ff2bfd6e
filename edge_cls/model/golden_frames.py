"""Golden frames: pictures with the outputs of a model for them on the machine that built it.

The pictures are computed: photos would distribute somebody's picture with every copy of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 12
"""Steps of int8 that an output may differ.

The kernels of XNNPACK on x86 and on ARM were seen to differ by up to 8; this allows half as much again. Swapped colours
or another crop change an output by far more, and are found before that by the pixels, which must be identical.
"""


@dataclass(frozen=True)
class GoldenFrame:
    """A frame as a PNG file, the SHA-256 of the pixels that enter the model, and the model's outputs by name.

    The outputs are int8, one byte per number, as `edge_cls.core.quantization.quantize_vector` returns them.
    """

    png: bytes
    pixels_sha256: str
    outputs: dict[str, bytes]


def synthetic_frames(width: int, height: int) -> tuple[NDArray[np.uint8], ...]:
    """Return three RGB frames, uint8 (h, w, 3), for a model of `width` x `height` pixels.

    The first is wide and over twice as large, so that it is cropped, shrunk by a whole factor and then by the rest; the
    second is tall and smaller, so that it is cropped and enlarged; the third has the exact size. No two channels are
    the same.
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
