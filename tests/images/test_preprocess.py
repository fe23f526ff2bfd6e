"""From any frame to the pixels of a model, with the same bytes on every processor."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ImageError
from edge_cls.images.preprocess import Frame, preprocess, resize

SIDE = st.integers(1, 200)
TARGET = st.integers(1, 64)


def synthetic_frame(width: int, height: int) -> Frame:
    """Return a frame of edges and gradients, made of integers alone."""
    y, x, channel = np.ogrid[:height, :width, :3]
    return np.asarray((x * x * 31 + y * y * 17 + x * y * 7 + channel * 101) // 8 % 256, np.uint8)


@given(SIDE, SIDE, TARGET, TARGET)
def test_any_frame_becomes_the_models_size(width: int, height: int, to_width: int, to_height: int) -> None:
    pixels = preprocess(synthetic_frame(width, height), Preprocessing(to_width, to_height))
    assert pixels.shape == (to_height, to_width, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


@given(SIDE, SIDE, TARGET, TARGET, arrays(np.uint8, 3))
def test_one_colour_stays_that_colour(width: int, height: int, to_width: int, to_height: int, color: Frame) -> None:
    frame = np.empty((height, width, 3), np.uint8)
    frame[:] = color
    assert (preprocess(frame, Preprocessing(to_width, to_height)) == color).all()


@given(st.integers(2, 24), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_shrinking_by_a_whole_factor_gives_the_nearest_whole_numbers_to_the_box_means(
    factor: int, width: int, height: int, seed: int
) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (height * factor, width * factor, 3), np.uint8)
    sums = frame.astype(np.int64).reshape(height, factor, width, factor, 3).sum(axis=(1, 3))
    pixels = preprocess(frame, Preprocessing(width, height)).astype(np.int64)
    assert (2 * np.abs(pixels * factor**2 - sums) <= factor**2).all()


def test_the_remainder_of_a_whole_factor_is_cut_off_evenly() -> None:
    frame = np.full((11, 11, 3), 255, np.uint8)
    frame[1:10, 1:10] = 100
    assert (resize(frame, 3, 3) == 100).all()


def test_only_the_centred_crop_counts() -> None:
    frame = synthetic_frame(64, 32)
    changed = frame.copy()
    changed[:, :16] = changed[:, 48:] = 0
    contract = Preprocessing(16, 16)
    np.testing.assert_array_equal(preprocess(frame, contract), preprocess(changed, contract))
    np.testing.assert_array_equal(preprocess(frame, contract), preprocess(frame[:, 16:48], contract))


def test_a_red_picture_stays_red() -> None:
    frame = np.zeros((50, 70, 3), np.uint8)
    frame[:, :, 0] = 255
    assert (preprocess(frame, Preprocessing(32, 32)) == (255, 0, 0)).all()


def test_a_frame_of_the_models_size_is_unchanged() -> None:
    frame = synthetic_frame(32, 32)
    np.testing.assert_array_equal(preprocess(frame, Preprocessing(32, 32)), frame)


@pytest.mark.parametrize(("width", "height"), [(32, 32), (32, 40), (40, 32), (64, 64), (50, 70)])
def test_the_pixels_are_a_copy_of_the_frame(width: int, height: int) -> None:
    frame = synthetic_frame(width, height)
    assert not np.shares_memory(preprocess(frame, Preprocessing(32, 32)), frame)


@given(SIDE, SIDE, TARGET, TARGET)
def test_the_same_bytes_are_written_into_a_given_array(width: int, height: int, to_width: int, to_height: int) -> None:
    frame, contract = synthetic_frame(width, height), Preprocessing(to_width, to_height)
    into = np.zeros((to_height, to_width, 3), np.uint8)
    assert preprocess(frame, contract, into) is into
    np.testing.assert_array_equal(into, preprocess(frame, contract))


def read_only(pixels: Frame) -> Frame:
    pixels.flags.writeable = False
    return pixels


@pytest.mark.parametrize(
    "into",
    [
        np.zeros((9, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.int8),
        np.zeros((8, 16, 3), np.uint8)[:, ::2],
        read_only(np.zeros((8, 8, 3), np.uint8)),
    ],
    ids=["another shape", "another dtype", "with gaps", "read only"],
)
def test_an_array_that_does_not_fit_is_not_written(into: Frame) -> None:
    frame, contract = synthetic_frame(40, 30), Preprocessing(8, 8)
    np.testing.assert_array_equal(preprocess(frame, contract, into), preprocess(frame, contract))
    assert not into.any()


@pytest.mark.parametrize("view", [np.s_[::-1, ::2], np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[3:, 5:]])
def test_a_view_gives_the_same_pixels_as_its_copy(view: tuple[slice, ...]) -> None:
    frame = synthetic_frame(90, 70)[view]
    assert not frame.flags.c_contiguous
    contract = Preprocessing(24, 20)
    np.testing.assert_array_equal(preprocess(frame, contract), preprocess(np.ascontiguousarray(frame), contract))


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.int8),
        np.zeros((8, 8, 3), np.uint16),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 0, 3), np.uint8),
    ],
    ids=lambda frame: f"{frame.dtype}{frame.shape}",
)
def test_anything_but_an_rgb_frame_is_refused(frame: Frame) -> None:
    with pytest.raises(ImageError, match=r"is not an RGB image .*; convert it first"):
        preprocess(frame, Preprocessing(4, 4))


@pytest.mark.parametrize(
    ("size", "model", "sha256"),
    [
        ((640, 480), (96, 96), "9b657b16d7374881fd10cc83cfc65904dfec4f5b6da5adf09914b536236250cd"),
        ((384, 400), (96, 96), "457cbf4abd562bf2cf4e5c2b01d25b9f51d93e64c16f61184df004d935bd62fc"),
        ((128, 64), (32, 32), "093f1a4ee08cdf0889e3eb456b28682dfb1585fe64d5c84c82981ebe25013438"),
        ((37, 53), (32, 32), "904d6ef3b8009f589eed5b5079c2386a7d0e4d8776ebb39c7df1a3bded34f55d"),
        ((20, 30), (32, 32), "361c0611974165e485080f2778b172f8997baffc6b8c31532efd271490214960"),
    ],
    ids=["shrink by 5", "shrink by 4", "shrink by 2", "shrink by less than 2", "enlarge"],
)
def test_the_bytes_are_the_same_on_every_processor(size: tuple[int, int], model: tuple[int, int], sha256: str) -> None:
    pixels = preprocess(synthetic_frame(*size), Preprocessing(*model))
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == sha256
