"""The photos that set the int8 ranges."""

from __future__ import annotations

from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.run_directory import CALIBRATION_IMAGES


def calibration_sample(photos: tuple[Photo, ...], classes: int) -> list[Photo]:
    """Return up to CALIBRATION_IMAGES of `photos`, as evenly over the classes as they allow, by content."""
    by_class = [sorted((p for p in photos if p.label == label), key=lambda p: p.digest) for label in range(classes)]
    rounds = max(map(len, by_class))
    turns = [group[i] for i in range(rounds) for group in by_class if i < len(group)]
    return turns[:CALIBRATION_IMAGES]
