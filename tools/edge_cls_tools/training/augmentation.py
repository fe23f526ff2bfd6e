"""Augmentation for fine-tuning as one Keras layer: crop, rotation, light, blur, noise and occlusion.

Keras's own augmentation layers took longer than the training of a small backbone, because each of them processes all
pixels separately. Here all geometric changes are one affine transform, and all colour changes are one sum.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

MAX_ROTATION = 0.2
"""Largest rotation, in radians."""
ZOOM = 0.7, 1.05
"""Side of the visible area as a share of the photo's side; outside of the photo its mirror image is shown."""
ASPECT = 0.1
"""Largest change of the logarithm of the aspect ratio."""
BRIGHTNESS, CONTRAST, SATURATION = 0.25, 0.3, 0.4
"""Largest changes: brightness is added to pixels in [-1, 1], contrast and saturation are factors of 1 - x to 1 + x."""
BLURRED, NOISE = 0.3, 0.08
"""Share of blurred photos, and the largest standard deviation of the noise for pixels in [-1, 1]."""
OCCLUDED, OCCLUSION = 0.3, (0.15, 0.4)
"""Share of photos that a grey box covers in part, and the range of its sides as shares of the photo's side."""


class CameraViews(keras.layers.Layer):
    """Converts photos, uint8 (batch, height, width, 3), to pixels in [-1, 1].

    In training each photo is augmented at random, and `size` x `size` pixels are returned; `flip` allows mirroring.
    Otherwise the photos are only rescaled.
    """

    def __init__(self, size: int, *, flip: bool, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.size, self.flip = size, flip
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, photos: Any, training: bool = False) -> Any:
        """Return the pixels: float (batch, size, size, 3) if `training`, otherwise in the shape of `photos`."""
        pixels = ops.cast(photos, "float32") / 127.5 - 1.0
        if not training:
            return pixels
        return ops.clip(self._occlude(self._blur_and_add_noise(self._change_light(self._transform(pixels)))), -1.0, 1.0)

    def _uniform(self, like: Any, low: float, high: float, count: int = 1) -> Any:
        return keras.random.uniform((ops.shape(like)[0], count), low, high, seed=self.seeds)

    def _mask(self, like: Any, share: float) -> Any:
        """Return a random mask, (batch, 1, 1, 1): 1 with probability `share` for each photo, otherwise 0."""
        return ops.cast(self._uniform(like, 0.0, 1.0) < share, "float32")[:, :, None, None]

    def _transform(self, pixels: Any) -> Any:
        side = pixels.shape[1]
        angle = self._uniform(pixels, -MAX_ROTATION, MAX_ROTATION)
        zoom = self._uniform(pixels, *ZOOM)
        stretch = ops.exp(self._uniform(pixels, -ASPECT, ASPECT) / 2)
        mirror = ops.where(self._uniform(pixels, -1.0, 1.0) < 0, -1.0, 1.0) if self.flip else 1.0
        # A smaller view may be shifted further without leaving the photo.
        shift = self._uniform(pixels, -0.5, 0.5, 2) * (ops.maximum(1.0 - zoom, 0.05)) * side
        step = zoom * side / self.size
        horizontal, vertical = step * stretch * mirror, step / stretch
        cos, sin = ops.cos(angle), ops.sin(angle)
        rows = [horizontal * cos, -vertical * sin, horizontal * sin, vertical * cos]
        # Keras returns an image as large as the input; its first `size` pixels are the view, centred on the photo.
        middle, center = (self.size - 1) / 2, (side - 1) / 2
        left = center + shift[:, :1] - middle * (rows[0] + rows[1])
        top = center + shift[:, 1:] - middle * (rows[2] + rows[3])
        zero = ops.zeros_like(left)
        matrix = ops.concatenate([rows[0], rows[1], left, rows[2], rows[3], top, zero, zero], axis=1)
        transformed = ops.image.affine_transform(pixels, matrix, "bilinear", "reflect", data_format="channels_last")
        return transformed[:, : self.size, : self.size]

    def _change_light(self, pixels: Any) -> Any:
        grey = ops.mean(pixels, axis=-1, keepdims=True)
        middle = ops.mean(grey, axis=(1, 2), keepdims=True)
        light, contrast, saturation = (
            self._uniform(pixels, -limit, limit)[:, :, None, None] for limit in (BRIGHTNESS, CONTRAST, SATURATION)
        )
        colours = (pixels - grey) * ((1.0 + contrast) * (1.0 + saturation))
        return colours + (grey - middle) * (1.0 + contrast) + (middle + light)

    def _blur_and_add_noise(self, pixels: Any) -> Any:
        soft = ops.average_pool(pixels, 5, 1, padding="same", data_format="channels_last")
        blur = self._mask(pixels, BLURRED) * self._uniform(pixels, 0.0, 1.0)[:, :, None, None]
        # Uniform noise is faster than normal noise, and at 8-bit precision the difference does not matter.
        strength = self._uniform(pixels, 0.0, NOISE * 3**0.5)[:, :, None, None]
        noise = keras.random.uniform(ops.shape(pixels), -1.0, 1.0, seed=self.seeds)
        return pixels + blur * (soft - pixels) + strength * noise

    def _occlude(self, pixels: Any) -> Any:
        place = ops.linspace(0.0, 1.0, self.size)[None]
        inside = []
        for _ in range(2):
            half = self._uniform(pixels, *OCCLUSION) / 2
            inside.append(ops.cast(ops.abs(place - self._uniform(pixels, 0.0, 1.0)) < half, "float32"))
        box = inside[0][:, :, None, None] * inside[1][:, None, :, None] * self._mask(pixels, OCCLUDED)
        grey = self._uniform(pixels, -0.8, 0.8)[:, :, None, None]
        return pixels + box * (grey - pixels)
