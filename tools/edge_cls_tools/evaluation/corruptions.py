"""Corruptions of photos, each in five strengths, to measure robustness with.

The kinds are the usual challenges of image classification: viewpoint, scale, light, occlusion, deformation, clutter,
blur, noise and compression. The five strengths are fixed, so that all models get the same ones, after Hendrycks and
Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019.

Each function takes an RGB frame, uint8 (height, width, 3), and returns a new one of the same shape. If a geometric
change uncovers an edge, the mirrored photo fills it. Lengths are shares of the shorter side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls.images.preprocess import Frame, preprocess, resize
from edge_cls.images.reading import encode_jpeg, read_image

STRENGTHS = 5
"""Strengths of each kind."""
DAYLIGHT = 6500.0
"""Colour temperature in kelvin for which photos are assumed to be balanced."""
_MIRROR = cv2.BORDER_REFLECT_101
Place = tuple[float, float]
"""The position of a smaller rectangle in a larger one: (0, 0) is the top left, (1, 1) the bottom right."""


def rotate(frame: Frame, degrees: float) -> Frame:
    """Return the frame rotated about its centre by `degrees`, counter-clockwise."""
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=_MIRROR), np.uint8)


def view_from_side(frame: Frame, degrees: float) -> Frame:
    """Return the photo as a picture on a wall, seen from `degrees` aside through a lens with a view of 53 degrees."""
    height, width = frame.shape[:2]
    focal, angle = float(max(height, width)), np.radians(degrees)
    camera = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    # A point (x, y) of the wall comes to (x cos, y), and its depth changes by x sin.
    wall = np.array([[np.cos(angle), 0, 0], [0, 1, 0], [np.sin(angle), 0, 1]])
    matrix = camera @ wall @ np.linalg.inv(camera)
    return np.asarray(cv2.warpPerspective(frame, matrix, (width, height), borderMode=_MIRROR), np.uint8)


def zoom_in(frame: Frame, factor: float) -> Frame:
    """Return the centre of the photo, `factor` times as large, factor >= 1."""
    height, width = frame.shape[:2]
    across, down = max(1, round(width / factor)), max(1, round(height / factor))
    left, top = (width - across) // 2, (height - down) // 2
    return resize(frame[top : top + down, left : left + across], width, height)


def zoom_out(frame: Frame, share: float) -> Frame:
    """Return the photo with `share` of its width and height, share <= 1."""
    height, width = frame.shape[:2]
    small = _scaled(frame, share)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    bottom, right = height - small.shape[0] - top, width - small.shape[1] - left
    return np.asarray(cv2.copyMakeBorder(small, top, bottom, left, right, _MIRROR), np.uint8)


def expose(frame: Frame, stops: float) -> Frame:
    """Return the photo with 2 ** stops times the light, for pixels with a gamma of 2.2; the result is clipped."""
    return _by_table(frame, np.full(3, 2.0**stops))


def warm_light(frame: Frame, kelvin: float) -> Frame:
    """Return a photo of daylight as if lit by a black body of `kelvin`, for a camera without white balance.

    Planck's law at 610, 540 and 465 nm, relative to green.
    """
    red_green_blue = np.array([610e-9, 540e-9, 465e-9])
    second_radiation_constant = 1.438777e-2
    daylight, light = (np.expm1(second_radiation_constant / (red_green_blue * t)) for t in (DAYLIGHT, kelvin))
    gains = daylight / light
    return _by_table(frame, gains / gains[1])


def occlude(frame: Frame, share: float, place: Place, color: NDArray[np.uint8]) -> Frame:
    """Return the photo with `share` of its area covered by a rectangle of one colour, uint8 (3,)."""
    height, width = frame.shape[:2]
    down, across = round(height * share**0.5), round(width * share**0.5)
    top, left = round(place[1] * (height - down)), round(place[0] * (width - across))
    covered = frame.copy()
    covered[top : top + down, left : left + across] = color
    return covered


def deform(frame: Frame, share: float, rng: np.random.Generator) -> Frame:
    """Return the photo with every pixel shifted by `share` of the shorter side (root mean square), elastically.

    Neighbours within 8 % of the side move together. Simard et al., "Best Practices for Convolutional Neural
    Networks", 2003.
    """
    height, width = frame.shape[:2]
    side = min(height, width)
    noise = rng.normal(size=(height, width, 2)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 0.08 * side, borderType=_MIRROR)
    field *= share * side / np.sqrt((field**2).sum(axis=2).mean())
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(frame, columns + field[..., 0], rows + field[..., 1], cv2.INTER_LINEAR, borderMode=_MIRROR)
    return np.asarray(moved, np.uint8)


def paste_on_backdrop(frame: Frame, share: float, place: Place, backdrop: Frame) -> Frame:
    """Return the photo, with `share` of its width and height, on top of `backdrop`, which is cut to the same shape."""
    height, width = frame.shape[:2]
    small = _scaled(frame, share)
    top, left = round(place[1] * (height - small.shape[0])), round(place[0] * (width - small.shape[1]))
    # A copy, because preprocess returns the backdrop itself if it has this shape already.
    canvas = preprocess(backdrop, Preprocessing(width, height)).copy()
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def blur_by_defocus(frame: Frame, share: float) -> Frame:
    """Return the photo with every point spread over a disc with a radius of `share` of the shorter side."""
    radius = share * min(frame.shape[:2])
    across, down = _kernel_grid(radius)
    return _filter(frame, np.clip(radius + 0.5 - np.hypot(across, down), 0, 1))


def blur_by_motion(frame: Frame, share: float, degrees: float) -> Frame:
    """Return the photo with motion blur: every point is a line, `share` of the shorter side long, at `degrees`."""
    length, angle = share * min(frame.shape[:2]), np.radians(degrees)
    across, down = _kernel_grid(length / 2)
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    return _filter(frame, np.clip(length / 2 + 0.5 - abs(along), 0, 1) * np.clip(1 - abs(beside), 0, 1))


def add_noise(frame: Frame, share: float, rng: np.random.Generator) -> Frame:
    """Return the photo with Gaussian noise added to every byte; the standard deviation is `share` of 255."""
    noise = rng.normal(size=frame.shape).astype(np.float32)
    return np.asarray(np.clip(frame + 255 * share * noise, 0, 255).round(), np.uint8)


def compress(frame: Frame, quality: float) -> Frame:
    """Return the photo after JPEG compression with `quality`, 1 to 95."""
    return read_image(encode_jpeg(frame, round(quality)))


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption, with five strengths in `unit`, weakest first.

    `apply(frame, strength, rng, backdrop)` applies it. Random numbers come from `rng`, and `backdrop` is a photo of
    another class. The same state of `rng` gives the same random numbers at every strength.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    apply: Callable[[Frame, float, np.random.Generator, Frame], Frame]


def _sign(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _place(rng: np.random.Generator) -> Place:
    return float(rng.random()), float(rng.random())


def _color(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, 3, np.uint8)


CORRUPTIONS = (
    Corruption("rotation", "degrees", (8, 16, 24, 35, 50), lambda f, s, rng, _: rotate(f, s * _sign(rng))),
    Corruption(
        "perspective", "degrees aside", (10, 20, 30, 40, 50), lambda f, s, rng, _: view_from_side(f, s * _sign(rng))
    ),
    Corruption("nearer", "times larger", (1.2, 1.5, 1.8, 2.2, 2.7), lambda f, s, *_: zoom_in(f, s)),
    Corruption("farther", "of side", (0.85, 0.7, 0.55, 0.45, 0.35), lambda f, s, *_: zoom_out(f, s)),
    Corruption("darker", "stops", (-1, -2, -3, -4, -5), lambda f, s, *_: expose(f, s)),
    Corruption("brighter", "stops", (0.5, 1, 1.5, 2, 2.5), lambda f, s, *_: expose(f, s)),
    Corruption("warm light", "kelvin", (5200, 4300, 3600, 3000, 2500), lambda f, s, *_: warm_light(f, s)),
    Corruption(
        "occlusion",
        "of area",
        (0.05, 0.1, 0.2, 0.3, 0.4),
        lambda f, s, rng, _: occlude(f, s, _place(rng), _color(rng)),
    ),
    Corruption("deformation", "of side", (0.01, 0.02, 0.035, 0.05, 0.07), lambda f, s, rng, _: deform(f, s, rng)),
    Corruption(
        "clutter",
        "of side",
        (0.85, 0.7, 0.6, 0.5, 0.4),
        lambda f, s, rng, other: paste_on_backdrop(f, s, _place(rng), other),
    ),
    Corruption("defocus", "of side", (0.005, 0.01, 0.02, 0.03, 0.045), lambda f, s, *_: blur_by_defocus(f, s)),
    Corruption(
        "motion",
        "of side",
        (0.02, 0.04, 0.06, 0.09, 0.13),
        lambda f, s, rng, _: blur_by_motion(f, s, 180 * rng.random()),
    ),
    Corruption("noise", "of range", (0.05, 0.1, 0.15, 0.22, 0.3), lambda f, s, rng, _: add_noise(f, s, rng)),
    Corruption("compression", "JPEG quality", (40, 25, 15, 10, 5), lambda f, s, *_: compress(f, s)),
)


def _scaled(frame: Frame, share: float) -> Frame:
    return resize(frame, max(1, round(frame.shape[1] * share)), max(1, round(frame.shape[0] * share)))


def _by_table(frame: Frame, gains: NDArray[np.float64]) -> Frame:
    """Return the photo with the light of each channel multiplied by its gain, at a gamma of 2.2."""
    light = (np.arange(256)[:, None] / 255) ** 2.2 * gains
    table = np.rint(255 * np.minimum(light, 1) ** (1 / 2.2)).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table[None]), np.uint8)


def _kernel_grid(reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of a square of pixels that contains all points within `reach` of its centre."""
    steps = np.arange(-int(np.ceil(reach + 0.5)), int(np.ceil(reach + 0.5)) + 1, dtype=np.float64)
    return steps[None, :], steps[:, None]


def _filter(frame: Frame, kernel: NDArray[np.float64]) -> Frame:
    return np.asarray(cv2.filter2D(frame, -1, kernel / kernel.sum(), borderType=_MIRROR), np.uint8)
