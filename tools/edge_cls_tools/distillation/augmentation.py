"""Random augmentation of photos for distillation: crop, mirror, light and blur, as a moving camera would see them."""

from __future__ import annotations

import cv2
import numpy as np

from edge_cls.images.preprocess import Frame

MIN_AREA = 0.3
"""Smallest area of a view, as a share of the largest square in the photo."""


def random_view(photo: Frame, size: int, rng: np.random.Generator) -> Frame:
    """Return a random view of `photo`, uint8 (size, size, 3): cropped, and at random mirrored, relit and blurred."""
    height, width = photo.shape[:2]
    area = rng.uniform(MIN_AREA, 1.0) * min(height, width) ** 2
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    crop_width = min(width, max(8, round(np.sqrt(area * aspect))))
    crop_height = min(height, max(8, round(np.sqrt(area / aspect))))
    left = int(rng.integers(0, width - crop_width + 1))
    top = int(rng.integers(0, height - crop_height + 1))
    crop = photo[top : top + crop_height, left : left + crop_width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    # The light is changed before the resize, because the crop is usually smaller than the view.
    shrinking = crop_width > size
    view = cv2.resize(_light(crop, rng), (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
    if rng.random() < 0.1:
        view = cv2.GaussianBlur(view, (0, 0), float(rng.uniform(0.5, 2.0)) * size / 96)
    return np.asarray(view, np.uint8)


def _light(frame: Frame, rng: np.random.Generator) -> Frame:
    """Return `frame` with random saturation, contrast and brightness, or unchanged with a probability of 0.5."""
    if rng.random() < 0.5:
        return np.ascontiguousarray(frame)
    pixels = frame.astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * np.float32(rng.uniform(0.5, 1.5))
    middle = pixels.mean()
    pixels = middle + (pixels - middle) * np.float32(rng.uniform(0.6, 1.3))
    pixels *= np.float32(rng.uniform(0.5, 1.3))
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)
