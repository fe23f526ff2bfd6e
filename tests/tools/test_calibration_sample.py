"""The calibration set is spread over all classes."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from edge_cls_tools.dataset.loading import Photo
from edge_cls_tools.training.calibration_sample import calibration_sample


def photos(counts: list[int]) -> tuple[Photo, ...]:
    return tuple(
        Photo(Path(f"{label}-{i}"), label, hashlib.sha256(f"{label}-{i}".encode()).digest())
        for label, count in enumerate(counts)
        for i in range(count)
    )


def test_all_photos_of_a_rare_class_are_taken_and_the_others_share_the_rest() -> None:
    sample = calibration_sample(photos([500, 4, 500]), 3, limit=50)
    counts = Counter(photo.label for photo in sample)
    assert counts == {0: 23, 1: 4, 2: 23}


def test_the_sample_does_not_depend_on_the_order_of_the_photos() -> None:
    everything = photos([50, 50])
    assert calibration_sample(everything, 2, limit=20) == calibration_sample(everything[::-1], 2, limit=20)


def test_few_photos_are_all_taken() -> None:
    assert len(calibration_sample(photos([3, 5]), 2)) == 8
