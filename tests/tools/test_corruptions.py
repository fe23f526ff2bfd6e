"""Every corruption keeps the shape, depends on its seed only, and gets worse from strength to strength."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.images.preprocess import Frame
from edge_cls_tools.evaluation import corruptions as module
from edge_cls_tools.evaluation.corruptions import CORRUPTIONS, STRENGTHS, Corruption
from tests.properties import fewer

BY_NAME = {kind.name: kind for kind in CORRUPTIONS}
each_kind = pytest.mark.parametrize("kind", CORRUPTIONS, ids=list(BY_NAME))


def scene(seed: int = 0, width: int = 160, height: int = 120) -> Frame:
    """Return a picture like a photo: soft shapes, large and small, on medium grey."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    layers = [cv2.GaussianBlur(noise, (0, 0), sigma) * sigma * 60 for sigma in (1.0, 3.0, 12.0)]
    return np.asarray(np.clip(110 + sum(layers), 0, 255), np.uint8)


def apply(kind: Corruption, frame: Frame, strength: float, seed: int = 7) -> Frame:
    return kind.apply(frame, strength, np.random.default_rng(seed), scene(99, 90, 140))


def distance(a: Frame, b: Frame) -> float:
    return float(abs(a.astype(np.float64) - b).mean())


@each_kind
@fewer(4)
@given(
    width=st.integers(8, 70), height=st.integers(8, 70), strength=st.integers(0, STRENGTHS - 1), seed=st.integers(0, 99)
)
def test_a_corruption_keeps_shape_and_dtype_and_does_not_change_the_photo(
    kind: Corruption, width: int, height: int, strength: int, seed: int
) -> None:
    frame = scene(1, width, height)
    before = frame.copy()
    changed = apply(kind, frame, kind.strengths[strength], seed)
    assert changed.shape == frame.shape
    assert changed.dtype == np.uint8
    assert not np.shares_memory(changed, frame)
    assert (frame == before).all()
    assert (apply(kind, frame, kind.strengths[strength], seed) == changed).all()


@each_kind
def test_a_stronger_corruption_differs_more_from_the_photo(kind: Corruption) -> None:
    photos = [scene(seed) for seed in range(6)]
    distances = [
        np.mean([distance(photo, apply(kind, photo, strength, seed)) for seed, photo in enumerate(photos)])
        for strength in kind.strengths
    ]
    assert distances[0] > 0
    # Shapes that move by more than their size do not differ more, so for these only the trend counts.
    geometric = kind.name in ("rotation", "perspective", "nearer", "farther", "deformation")
    assert all(b > (0.93 if geometric else 1.0) * a for a, b in itertools.pairwise(distances))
    assert distances[-1] > 1.1 * distances[0]


@pytest.mark.parametrize("name", ["rotation", "perspective", "deformation", "darker", "defocus", "motion", "noise"])
def test_strength_zero_changes_nothing(name: str) -> None:
    frame = scene()
    assert distance(apply(BY_NAME[name], frame, 0.0), frame) <= 0.5


@pytest.mark.parametrize(
    ("name", "neutral"), [("nearer", 1.0), ("farther", 1.0), ("clutter", 1.0), ("warm light", 6500)]
)
def test_the_neutral_strength_changes_nothing(name: str, neutral: float) -> None:
    frame = scene()
    assert (apply(BY_NAME[name], frame, neutral) == frame).all()


def test_a_stop_doubles_the_light() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert (module.expose(grey, 1) == round(100 * 2 ** (1 / 2.2))).all()
    assert (module.expose(grey, 10) == 255).all()


def test_warm_light_is_red_and_not_blue() -> None:
    red, green, blue = module.warm_light(np.full((8, 8, 3), 100, np.uint8), 2856)[0, 0].astype(int)
    assert red > 100 > blue
    assert green == 100


@given(st.floats(0.05, 0.5), st.floats(0, 1), st.floats(0, 1))
def test_the_requested_share_is_covered(share: float, x: float, y: float) -> None:
    frame = np.zeros((200, 300, 3), np.uint8)
    covered = module.occlude(frame, share, (x, y), np.array([255, 0, 0], np.uint8))
    assert (covered[..., 0] == 255).mean() == pytest.approx(share, abs=0.01)


def test_the_whole_photo_is_on_the_backdrop() -> None:
    frame, backdrop = np.full((40, 60, 3), 200, np.uint8), np.zeros((40, 60, 3), np.uint8)
    pasted = module.paste_on_backdrop(frame, 0.5, (1.0, 0.0), backdrop)
    assert (pasted[:20, 30:] == 200).all()
    assert pasted[20:].max() == pasted[:, :30].max() == 0
    assert backdrop.max() == 0


@given(st.floats(0, 0.2), st.floats(0, 180))
def test_blur_spreads_light_and_adds_none(share: float, degrees: float) -> None:
    frame = np.zeros((101, 101, 3), np.uint8)
    frame[30:70, 30:70] = 200
    for blurred in (module.blur_by_defocus(frame, share), module.blur_by_motion(frame, share, degrees)):
        assert blurred.mean() == pytest.approx(frame.mean(), rel=0.03)
        ys, xs = np.nonzero(blurred[..., 0] > 100)
        assert (ys.mean(), xs.mean()) == pytest.approx((49.5, 49.5), abs=0.6)


def test_motion_goes_along_its_line_only() -> None:
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[50, 50] = 255
    ys, xs = np.nonzero(module.blur_by_motion(dot, 0.2, 0.0)[..., 0])
    assert set(ys) == {50}
    assert xs.max() - xs.min() == pytest.approx(20, abs=1)


def test_the_frame_turns_counter_clockwise_and_about_its_centre() -> None:
    frame = np.zeros((101, 101, 3), np.uint8)
    frame[48:53, 85:95] = 255
    ys, xs = np.nonzero(module.rotate(frame, 90)[..., 0])
    assert (ys.mean(), xs.mean()) == pytest.approx((10.5, 50), abs=0.6)


def test_seen_from_the_side_one_edge_is_larger_than_the_other() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[30:70, 10:14] = frame[30:70, 86:90] = 255
    seen = module.view_from_side(frame, 30)[..., 0] > 128
    heights = [np.ptp(np.nonzero(seen[:, half])[0]) + 1 for half in (slice(0, 50), slice(50, 100))]
    # Depth is 1 + x sin 30, with x = -0.38 and 0.38 of the focal length: 1 / 0.81 and 1 / 1.19.
    assert heights == pytest.approx([40 / 0.81, 40 / 1.19], abs=2)
