"""The calibration set: the photos that determine the quantisation ranges."""

from __future__ import annotations

from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.run_directory import CALIBRATION_IMAGES


def calibration_sample(photos: tuple[Photo, ...], classes: int, *, limit: int = CALIBRATION_IMAGES) -> list[Photo]:
    """Return up to `limit` of `photos`, spread as evenly over the classes as possible.

    Within a class the photos are ordered by their checksum, so that the sample does not depend on their order.
    """
    by_class = [sorted((p for p in photos if p.label == label), key=lambda p: p.digest) for label in range(classes)]
    rounds = max(map(len, by_class))
    in_turn = [group[i] for i in range(rounds) for group in by_class if i < len(group)]
    return in_turn[:limit]
