"""What happens to a photo outside of the data set, in five strengths each.

The kinds are those that introductions to the field name as its challenges: viewpoint, scale, light, occlusion,
deformation, clutter, blur, noise and compression. Five strengths, frozen, so that two models meet the same: after
Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019.

Each function takes an RGB frame, uint8 (height, width, 3), and returns a new one of the same shape; what a geometry
uncovers at the edges is filled with the mirrored photo. Lengths are shares of the shorter side.
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
DAYLIGHT = 6500.0
"""The colour temperature, in kelvin, that photos are taken to be balanced for."""
_MIRROR = cv2.BORDER_REFLECT_101
Place = tuple[float, float]
"""Where a smaller thing lies in a larger one: (0, 0) at the top left, (1, 1) at the bottom right."""


def rotate(frame: Frame, degrees: float) -> Frame:
    """Turn the camera about its axis, counter-clockwise."""
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=_MIRROR), np.uint8)


def from_aside(frame: Frame, degrees: float) -> Frame:
    """See the photo as a picture on a wall, from `degrees` aside, through a lens of 53 degrees."""
    height, width = frame.shape[:2]
    focal, angle = float(max(height, width)), np.radians(degrees)
    camera = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    # A point (x, y) of the wall comes to (x cos, y), and its depth changes by x sin.
    wall = np.array([[np.cos(angle), 0, 0], [0, 1, 0], [np.sin(angle), 0, 1]])
    matrix = camera @ wall @ np.linalg.inv(camera)
    return np.asarray(cv2.warpPerspective(frame, matrix, (width, height), borderMode=_MIRROR), np.uint8)


def nearer(frame: Frame, factor: float) -> Frame:
    """Show the centre of the photo `factor` times as large, factor >= 1."""
    height, width = frame.shape[:2]
    across, down = max(1, round(width / factor)), max(1, round(height / factor))
    left, top = (width - across) // 2, (height - down) // 2
    return resize(frame[top : top + down, left : left + across], width, height)


def farther(frame: Frame, share: float) -> Frame:
    """Show the photo with `share` of its width and height, share <= 1."""
    height, width = frame.shape[:2]
    small = _scaled(frame, share)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    bottom, right = height - small.shape[0] - top, width - small.shape[1] - left
    return np.asarray(cv2.copyMakeBorder(small, top, bottom, left, right, _MIRROR), np.uint8)


def expose(frame: Frame, stops: float) -> Frame:
    """Let 2 ** stops times the light in, on pixels of gamma 2.2; what is too bright is white."""
    return _by_table(frame, np.full(3, 2.0**stops))


def lamp(frame: Frame, kelvin: float) -> Frame:
    """Show a photo of daylight as in the light of a black body of `kelvin`, to a camera that does not adapt.

    Planck's law at 610, 540 and 465 nm, relative to green.
    """
    red_green_blue = np.array([610e-9, 540e-9, 465e-9])
    second_radiation_constant = 1.438777e-2
    daylight, light = (np.expm1(second_radiation_constant / (red_green_blue * t)) for t in (DAYLIGHT, kelvin))
    gains = daylight / light
    return _by_table(frame, gains / gains[1])


def occlude(frame: Frame, share: float, place: Place, color: NDArray[np.uint8]) -> Frame:
    """Cover `share` of the area with a rectangle of one colour."""
    height, width = frame.shape[:2]
    down, across = round(height * share**0.5), round(width * share**0.5)
    top, left = round(place[1] * (height - down)), round(place[0] * (width - across))
    covered = frame.copy()
    covered[top : top + down, left : left + across] = color
    return covered


def deform(frame: Frame, share: float, rng: np.random.Generator) -> Frame:
    """Shift every pixel by `share` of the shorter side (root mean square), neighbours (8 %) alike.

    Simard et al., "Best Practices for Convolutional Neural Networks", 2003.
    """
    height, width = frame.shape[:2]
    side = min(height, width)
    noise = rng.normal(size=(height, width, 2)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 0.08 * side, borderType=_MIRROR)
    field *= share * side / np.sqrt((field**2).sum(axis=2).mean())
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(frame, columns + field[..., 0], rows + field[..., 1], cv2.INTER_LINEAR, borderMode=_MIRROR)
    return np.asarray(moved, np.uint8)


def paste_on(frame: Frame, share: float, place: Place, backdrop: Frame) -> Frame:
    """Lay the photo, with `share` of its width and height, upon `backdrop`, cut to the same shape."""
    height, width = frame.shape[:2]
    small = _scaled(frame, share)
    top, left = round(place[1] * (height - small.shape[0])), round(place[0] * (width - small.shape[1]))
    # A copy: of a backdrop of the right shape already, preprocess returns the thing itself.
    canvas = preprocess(backdrop, Preprocessing(width, height)).copy()
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def defocus(frame: Frame, share: float) -> Frame:
    """Spread every point over a disc with a radius of `share` of the shorter side."""
    radius = share * min(frame.shape[:2])
    across, down = _kernel_grid(radius)
    return _filter(frame, np.clip(radius + 0.5 - np.hypot(across, down), 0, 1))


def move(frame: Frame, share: float, degrees: float) -> Frame:
    """Spread every point along a line, `share` of the shorter side long: the camera moves while the shutter is open."""
    length, angle = share * min(frame.shape[:2]), np.radians(degrees)
    across, down = _kernel_grid(length / 2)
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    return _filter(frame, np.clip(length / 2 + 0.5 - abs(along), 0, 1) * np.clip(1 - abs(beside), 0, 1))


def add_noise(frame: Frame, share: float, rng: np.random.Generator) -> Frame:
    """Add Gaussian noise to every byte, its standard deviation `share` of the range of 255."""
    noise = rng.normal(size=frame.shape).astype(np.float32)
    return np.asarray(np.clip(frame + 255 * share * noise, 0, 255).round(), np.uint8)


def compress(frame: Frame, quality: float) -> Frame:
    """Store the photo as a JPEG file of `quality`, 1 to 95, and read it back."""
    return read_image(encode_jpeg(frame, round(quality)))


@dataclass(frozen=True)
class Corruption:
    """A kind of change in five strengths, weakest first, that are in `unit`.

    `draw(frame, strength, rng, backdrop)` applies it; what is left to chance is drawn from `rng`, and `backdrop` is a
    photo of something else. The same state of `rng` gives the same chance at every strength.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    draw: Callable[[Frame, float, np.random.Generator, Frame], Frame]


def _sign(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _place(rng: np.random.Generator) -> Place:
    return float(rng.random()), float(rng.random())


def _color(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, 3, np.uint8)


PERTURBATIONS = (
    Corruption("rotation", "degrees", (8, 16, 24, 35, 50), lambda f, s, rng, _: rotate(f, s * _sign(rng))),
    Corruption(
        "perspective", "degrees aside", (10, 20, 30, 40, 50), lambda f, s, rng, _: from_aside(f, s * _sign(rng))
    ),
    Corruption("nearer", "times larger", (1.2, 1.5, 1.8, 2.2, 2.7), lambda f, s, *_: nearer(f, s)),
    Corruption("farther", "of side", (0.85, 0.7, 0.55, 0.45, 0.35), lambda f, s, *_: farther(f, s)),
    Corruption("darker", "stops", (-1, -2, -3, -4, -5), lambda f, s, *_: expose(f, s)),
    Corruption("brighter", "stops", (0.5, 1, 1.5, 2, 2.5), lambda f, s, *_: expose(f, s)),
    Corruption("warm light", "kelvin", (5200, 4300, 3600, 3000, 2500), lambda f, s, *_: lamp(f, s)),
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
        lambda f, s, rng, other: paste_on(f, s, _place(rng), other),
    ),
    Corruption("defocus", "of side", (0.005, 0.01, 0.02, 0.03, 0.045), lambda f, s, *_: defocus(f, s)),
    Corruption(
        "motion", "of side", (0.02, 0.04, 0.06, 0.09, 0.13), lambda f, s, rng, _: move(f, s, 180 * rng.random())
    ),
    Corruption("noise", "of range", (0.05, 0.1, 0.15, 0.22, 0.3), lambda f, s, rng, _: add_noise(f, s, rng)),
    Corruption("compression", "JPEG quality", (40, 25, 15, 10, 5), lambda f, s, *_: compress(f, s)),
)


def _scaled(frame: Frame, share: float) -> Frame:
    return resize(frame, max(1, round(frame.shape[1] * share)), max(1, round(frame.shape[0] * share)))


def _by_table(frame: Frame, gains: NDArray[np.float64]) -> Frame:
    """Multiply the light of each channel."""
    light = (np.arange(256)[:, None] / 255) ** 2.2 * gains
    table = np.rint(255 * np.minimum(light, 1) ** (1 / 2.2)).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table[None]), np.uint8)


def _kernel_grid(reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of a square of pixels that holds everything up to `reach` from its centre."""
    steps = np.arange(-int(np.ceil(reach + 0.5)), int(np.ceil(reach + 0.5)) + 1, dtype=np.float64)
    return steps[None, :], steps[:, None]


def _filter(frame: Frame, kernel: NDArray[np.float64]) -> Frame:
    return np.asarray(cv2.filter2D(frame, -1, kernel / kernel.sum(), borderType=_MIRROR), np.uint8)
