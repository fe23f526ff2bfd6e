"""The crop and the whole factor, for frames and models of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.images.geometry import Box, box_factor, center_crop

FRAME = st.integers(1, 6000)
MODEL = st.integers(1, 640)


@given(FRAME, FRAME, MODEL, MODEL)
def test_the_crop_lies_inside_the_frame_and_in_its_middle(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    crop = center_crop(width, height, to_width, to_height)
    right, bottom = width - crop.left - crop.width, height - crop.top - crop.height
    assert min(crop.left, crop.top, right, bottom) >= 0
    assert min(crop.width, crop.height) >= 1
    assert right - crop.left in (0, 1)
    assert bottom - crop.top in (0, 1)


@given(FRAME, FRAME, MODEL, MODEL)
def test_the_crop_is_the_largest_of_the_models_aspect_ratio(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    crop = center_crop(width, height, to_width, to_height)
    if crop.height == height:
        is_largest = crop.width * to_height <= height * to_width < (crop.width + 1) * to_height
    else:
        is_largest = crop.width == width and crop.height * to_width <= width * to_height < (crop.height + 1) * to_width
    assert is_largest or 1 in (crop.width, crop.height)
    assert crop.height == height or crop.width == width


@given(FRAME, FRAME, MODEL, MODEL)
def test_the_crop_of_a_rotated_frame_is_rotated(width: int, height: int, to_width: int, to_height: int) -> None:
    crop = center_crop(width, height, to_width, to_height)
    turned = center_crop(height, width, to_height, to_width)
    assert turned == Box(crop.top, crop.left, crop.height, crop.width)


@pytest.mark.parametrize(
    ("frame", "model", "crop"),
    [
        ((640, 480), (224, 224), Box(80, 0, 480, 480)),
        ((480, 640), (224, 224), Box(0, 80, 480, 480)),
        ((224, 224), (224, 224), Box(0, 0, 224, 224)),
        ((100, 100), (200, 100), Box(0, 25, 100, 50)),
        ((5, 4), (1, 1), Box(0, 0, 4, 4)),
        ((1000, 1), (1, 1000), Box(499, 0, 1, 1)),
    ],
)
def test_center_crop_of(frame: tuple[int, int], model: tuple[int, int], crop: Box) -> None:
    assert center_crop(*frame, *model) == crop


@given(FRAME, FRAME, MODEL, MODEL)
def test_the_factor_is_the_largest_that_leaves_enough_pixels(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    factor = box_factor(width, height, to_width, to_height)
    fits = [f for f in range(1, 6001) if width >= f * to_width and height >= f * to_height]
    assert factor == max(fits, default=1)
