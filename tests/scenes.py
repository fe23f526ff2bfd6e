"""Synthetic photos with different perceptual hashes: soft spots of colour, a little noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from edge_cls.images.preprocess import Frame


def scene(seed: int, side: int = 96) -> Frame:
    """Return a picture of spots, uint8 (side, side, 3); another seed gives another scene."""
    rng = np.random.default_rng(seed)
    spots = cv2.resize(rng.uniform(0, 255, (5, 5, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(spots + rng.normal(0, 4, spots.shape), 0, 255), np.uint8)


def write_scenes(folder: Path, seeds: range) -> None:
    """Write a scene of each seed into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        Image.fromarray(scene(seed)).save(folder / f"{seed:03d}.png")
