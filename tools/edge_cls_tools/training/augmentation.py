"""What a moving camera does to a photo, as a Keras layer: crop, turn, light, blur, noise, occlusion.

One layer and not a dozen of Keras's own: those took longer than the training of a small backbone, since each goes over
all pixels for itself. Here all that moves pixels is one affine transform, and all that changes colours one sum.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

TURN = 0.2
"""The largest angle, in radians."""
ZOOM = 0.7, 1.05
"""The side of what is seen, as a share of the photo's; beyond the photo there is its mirror image."""
ASPECT = 0.1
BRIGHTNESS, CONTRAST, SATURATION = 0.25, 0.3, 0.4
"""The brightness is a share of the range of all pixels, the others factors of 1 - x to 1 + x."""
BLURRED, NOISE = 0.3, 0.08
"""The share of blurred photos, and the largest standard deviation of the noise, of pixels in [-1, 1]."""
OCCLUDED, OCCLUSION = 0.3, (0.15, 0.4)
"""The share of photos with a grey box before them, and its sides as shares of the photo's."""


class CameraViews(keras.layers.Layer):
    """Bytes of photos, (batch, height, width, 3), to pixels in [-1, 1].

    While training, each is seen another way every time, at `size` x `size` pixels; otherwise exactly as it is.
    """

    def __init__(self, size: int, *, flip: bool, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.size, self.flip = size, flip
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, photos: Any, training: bool = False) -> Any:
        """Return the pixels, float (batch, size, size, 3), where `training`, and otherwise of the shape of `photos`."""
        pixels = ops.cast(photos, "float32") / 127.5 - 1.0
        if not training:
            return pixels
        return ops.clip(self._occluded(self._noisy(self._lit(self._moved(pixels)))), -1.0, 1.0)

    def _uniform(self, like: Any, low: float, high: float, count: int = 1) -> Any:
        return keras.random.uniform((ops.shape(like)[0], count), low, high, seed=self.seeds)

    def _some(self, like: Any, share: float) -> Any:
        """Return 1 for about `share` of the photos, and 0 for the others: (batch, 1, 1, 1)."""
        return ops.cast(self._uniform(like, 0.0, 1.0) < share, "float32")[:, :, None, None]

    def _moved(self, pixels: Any) -> Any:
        side = pixels.shape[1]
        angle = self._uniform(pixels, -TURN, TURN)
        zoom = self._uniform(pixels, *ZOOM)
        stretch = ops.exp(self._uniform(pixels, -ASPECT, ASPECT) / 2)
        mirror = ops.where(self._uniform(pixels, -1.0, 1.0) < 0, -1.0, 1.0) if self.flip else 1.0
        # What lies beyond the view may be as far away as the zoom leaves room.
        shift = self._uniform(pixels, -0.5, 0.5, 2) * (ops.maximum(1.0 - zoom, 0.05)) * side
        step = zoom * side / self.size
        horizontal, vertical = step * stretch * mirror, step / stretch
        cos, sin = ops.cos(angle), ops.sin(angle)
        rows = [horizontal * cos, -vertical * sin, horizontal * sin, vertical * cos]
        # The transform is of the whole side, of which the first `size` pixels are kept: they are centred on the photo.
        middle, center = (self.size - 1) / 2, (side - 1) / 2
        left = center + shift[:, :1] - middle * (rows[0] + rows[1])
        top = center + shift[:, 1:] - middle * (rows[2] + rows[3])
        zero = ops.zeros_like(left)
        matrix = ops.concatenate([rows[0], rows[1], left, rows[2], rows[3], top, zero, zero], axis=1)
        moved = ops.image.affine_transform(pixels, matrix, "bilinear", "reflect", data_format="channels_last")
        return moved[:, : self.size, : self.size]

    def _lit(self, pixels: Any) -> Any:
        grey = ops.mean(pixels, axis=-1, keepdims=True)
        middle = ops.mean(grey, axis=(1, 2), keepdims=True)
        light, contrast, saturation = (
            self._uniform(pixels, -reach, reach)[:, :, None, None] for reach in (BRIGHTNESS, CONTRAST, SATURATION)
        )
        colours = (pixels - grey) * ((1.0 + contrast) * (1.0 + saturation))
        return colours + (grey - middle) * (1.0 + contrast) + (middle + light)

    def _noisy(self, pixels: Any) -> Any:
        soft = ops.average_pool(pixels, 5, 1, padding="same", data_format="channels_last")
        blur = self._some(pixels, BLURRED) * self._uniform(pixels, 0.0, 1.0)[:, :, None, None]
        # Uniform noise: at a byte's precision nobody tells it from a normal one, which takes longer.
        strength = self._uniform(pixels, 0.0, NOISE * 3**0.5)[:, :, None, None]
        noise = keras.random.uniform(ops.shape(pixels), -1.0, 1.0, seed=self.seeds)
        return pixels + blur * (soft - pixels) + strength * noise

    def _occluded(self, pixels: Any) -> Any:
        place = ops.linspace(0.0, 1.0, self.size)[None]
        inside = []
        for _ in range(2):
            half = self._uniform(pixels, *OCCLUSION) / 2
            inside.append(ops.cast(ops.abs(place - self._uniform(pixels, 0.0, 1.0)) < half, "float32"))
        box = inside[0][:, :, None, None] * inside[1][:, None, :, None] * self._some(pixels, OCCLUDED)
        grey = self._uniform(pixels, -0.8, 0.8)[:, :, None, None]
        return pixels + box * (grey - pixels)
