"""Photos and frames: reading, cropping and preprocessing."""

from __future__ import annotations

from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import read_image

__all__ = ["Frame", "read_image"]
