"""Camera buffers to RGB, compared with arithmetic in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.images.preprocess import Frame
from edge_cls.sources import pixels
from edge_cls.sources.pixels import FORMATS, buffer_size, copied, to_rgb

EVEN = st.integers(4, 24).map(lambda half: 2 * half)
PACKED = {"BGR888": (0, 1, 2), "RGB888": (2, 1, 0), "XBGR8888": (0, 1, 2), "XRGB8888": (2, 1, 0)}
"""The positions of R, G and B in a pixel, by Picamera2's manual."""


def layout(pixel_format: str, width: int, padding: int) -> int:
    """Return a stride with some padding; the stride of YUV420 is even, because its chroma has half of it."""
    row = width * {"BGR888": 3, "RGB888": 3, "XBGR8888": 4, "XRGB8888": 4}.get(pixel_format, 1)
    return row + (padding - padding % 2 if pixel_format == "YUV420" else padding)


def bt601(luma: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.601 with limited range: up to 16 is black, 235 is white, and chroma has 112 steps in each direction."""
    y = (luma - 16).clip(0) * 255 / 219
    u, v = (u - 128) * 255 / 224, (v - 128) * 255 / 224
    rgb = [y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u]
    return np.stack(rgb, axis=2).clip(0, 255)


def reference(buffer: NDArray[np.uint8], pixel_format: str, width: int, height: int, stride: int) -> Frame:
    """Pick each byte at its position in the format."""
    y, x = np.mgrid[:height, :width]
    if pixel_format in PACKED:
        step = 4 if "X" in pixel_format else 3
        return np.stack([buffer[y * stride + x * step + channel] for channel in PACKED[pixel_format]], axis=2)
    luma, chroma = buffer[y * stride + x].astype(float), buffer[height * stride :].astype(float)
    if pixel_format == "NV12":
        at = (y // 2) * stride + (x // 2) * 2
        u, v = chroma[at], chroma[at + 1]
    else:
        at = (y // 2) * (stride // 2) + x // 2
        u, v = chroma[at], chroma[at + (height // 2) * (stride // 2)]
    return np.asarray(np.round(bt601(luma, u, v)), np.uint8)


@given(st.sampled_from(FORMATS), EVEN, EVEN, st.integers(0, 9), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_every_format_with_any_padding_becomes_the_rgb_of_the_arithmetic(
    pixel_format: str, width: int, height: int, padding: int, behind: int, seed: int
) -> None:
    stride = layout(pixel_format, width, padding)
    size = buffer_size(pixel_format, height, stride) + behind
    buffer = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    before = buffer.copy()
    into = np.zeros((height, width, 3), np.uint8)
    frame = to_rgb(buffer, pixel_format, width, height, stride, into)
    assert frame is into
    # OpenCV calculates with integers.
    tolerance = 0 if pixel_format in PACKED else 2
    np.testing.assert_allclose(
        frame.astype(int), reference(buffer, pixel_format, width, height, stride).astype(int), atol=tolerance
    )
    np.testing.assert_array_equal(buffer, before)
    buffer[:] = 0
    assert frame.any()  # it does not refer to the camera's memory


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_memory_that_may_not_be_written_is_read(pixel_format: str) -> None:
    stride = layout(pixel_format, 16, 6)
    buffer = np.frombuffer(bytes(buffer_size(pixel_format, 8, stride)), np.uint8)
    assert to_rgb(buffer, pixel_format, 16, 8, stride).shape == (8, 16, 3)


@pytest.mark.parametrize(
    ("yuv", "rgb"),
    [((16, 128, 128), (0, 0, 0)), ((235, 128, 128), (255, 255, 255)), ((81, 90, 240), (255, 0, 0))],
)
@pytest.mark.parametrize("pixel_format", ["NV12", "YUV420"])
def test_black_white_and_red_are_those_of_the_standard(
    pixel_format: str, yuv: tuple[int, int, int], rgb: tuple[int, int, int]
) -> None:
    chroma = [yuv[1], yuv[2]] * 4 if pixel_format == "NV12" else [yuv[1]] * 4 + [yuv[2]] * 4
    frame = to_rgb(np.array([yuv[0]] * 16 + chroma, np.uint8), pixel_format, 4, 4, 4)
    np.testing.assert_allclose(frame, np.broadcast_to(rgb, (4, 4, 3)), atol=2)


def test_a_copy_goes_into_the_buffer_where_it_fits() -> None:
    image = np.full((4, 5, 3), 7, np.uint8)
    buffer = np.zeros_like(image)
    assert copied(image, None) is image
    assert copied(image, buffer) is buffer
    assert (buffer == 7).all()
    assert copied(image, np.zeros((5, 4, 3), np.uint8)).shape == (4, 5, 3)


def test_a_buffer_whose_rows_lie_apart_is_not_written_into() -> None:
    apart = np.zeros((8, 16, 3), np.uint8)[:, ::2]
    frame = pixels.frame_buffer(apart, 8, 8)
    assert frame is not apart
    assert frame.flags.c_contiguous
