"""Rotated, mirrored and cropped frames, compared with numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import ConfigError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.ports import CapturedFrame
from edge_cls.sources.oriented import Oriented
from edge_cls.sources.region import WHOLE, Region
from edge_cls.testing import FakeSource

SIDES = st.integers(16, 60)
FRACTIONS = st.tuples(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0.55, 0.6), st.floats(0.55, 0.6))


def picture(height: int, width: int) -> Frame:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), np.uint8)


def reference(image: Frame, rotation: int, mirror: bool, roi: Region) -> Frame:
    """Rotate, then mirror, then crop, with numpy only."""
    upright = np.rot90(image, -(rotation // 90))
    upright = np.fliplr(upright) if mirror else upright
    height, width = upright.shape[:2]
    left, top = round(roi[0] * width), round(roi[1] * height)
    right, bottom = round((roi[0] + roi[2]) * width), round((roi[1] + roi[3]) * height)
    return upright[top:bottom, left:right]


@given(SIDES, SIDES, st.sampled_from([0, 90, 180, 270]), st.booleans(), st.just(WHOLE) | FRACTIONS)
def test_it_turns_then_mirrors_then_cuts_into_the_buffer(
    height: int, width: int, rotation: int, mirror: bool, roi: Region
) -> None:
    image = picture(height, width)
    expected = reference(image, rotation, mirror, roi)
    source = Oriented(FakeSource([image.copy(), image.copy()]), rotation=rotation, mirror=mirror, roi=roi)
    first = source.read()
    assert first is not None
    np.testing.assert_array_equal(first.image, expected)
    buffer = np.zeros_like(expected, order="C")
    second = source.read(buffer)
    assert second is not None
    assert second.image is buffer
    np.testing.assert_array_equal(buffer, expected)


def test_a_quarter_turn_is_clockwise() -> None:
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, :8] = 255  # white on the left
    frame = Oriented(FakeSource([image]), rotation=90).read()
    assert frame is not None
    assert frame.image.shape == (16, 8, 3)
    assert frame.image[:8].min() == 255  # is white at the top
    assert frame.image[8:].max() == 0


class Detailed(FakeSource):
    """Has a `detail` with twice the width and height."""

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        frame = super().read(into)
        return frame and replace(frame, detail=lambda: frame.image.repeat(2, axis=0).repeat(2, axis=1))


def test_the_detail_is_turned_mirrored_and_cut_alike() -> None:
    image, roi = picture(24, 32), (0.25, 0.25, 0.5, 0.5)
    frame = Oriented(Detailed([image]), rotation=270, mirror=True, roi=roi).read()
    assert frame is not None
    assert frame.detail is not None
    expected = reference(image, 270, True, roi).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(frame.detail(), expected)


def test_it_ends_and_closes_with_its_source_and_is_as_live() -> None:
    inner = FakeSource([], live=True)
    source = Oriented(inner, rotation=90)
    assert source.live
    assert source.read() is None
    source.close()
    assert inner.closed


@pytest.mark.parametrize("rotation", [-90, 45, 360])
def test_a_rotation_that_makes_no_sense_is_refused(rotation: int) -> None:
    with pytest.raises(ConfigError, match="not 0, 90, 180 or 270; give the clockwise rotation"):
        Oriented(FakeSource([]), rotation=rotation)


@pytest.mark.parametrize(
    "roi",
    [
        (-0.1, 0, 1, 1),
        (0, 0, 0, 1),
        (0.5, 0, 0.6, 1),
        (0, 0.5, 1, 0.6),
        (0, 0, 1, -1),
        (float("nan"), 0, 1, 1),
        (0, 0, 1, float("nan")),
        (0, 0, 1, float("inf")),
    ],
)
def test_a_region_that_is_not_inside_the_frame_is_refused(roi: Region) -> None:
    with pytest.raises(ConfigError, match="is not inside the frame; use left, top, width and height as fractions"):
        Oriented(FakeSource([]), roi=roi)


def test_fractions_that_should_add_up_to_1_are_taken() -> None:
    frame = Oriented(FakeSource([picture(20, 20)]), roi=(0.1, 0.3, 0.9, 0.7)).read()
    assert frame is not None
    assert frame.image.shape == (14, 18, 3)


def test_a_region_of_too_few_pixels_is_refused() -> None:
    source = Oriented(FakeSource([picture(48, 64)]), roi=(0, 0, 0.1, 0.5))
    with pytest.raises(ConfigError, match="is 6 x 24 pixels of the frame's 64 x 48, too small"):
        source.read()
