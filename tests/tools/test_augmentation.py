"""Augmentation changes photos at random in training, and not at all in validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_cls_tools.io.batches import normalize

pytestmark = pytest.mark.tensorflow


def views(photos: Any, *, seed: int = 0, flip: bool = True, training: bool = True) -> Any:
    import keras

    from edge_cls_tools.training.augmentation import CameraViews

    layer = CameraViews(32, flip=flip, seed=seed)
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(photos), training=training))


def photos(count: int) -> Any:
    """Return pictures, (count, 37, 37, 3), that are darker on the left."""
    ramp = np.linspace(20, 230, 37)[None, None, :, None]
    noise = np.random.default_rng(0).normal(0, 5, (count, 37, 37, 3))
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def test_validation_uses_the_preprocessing_of_the_device() -> None:
    np.testing.assert_allclose(views(photos(3), training=False), normalize(photos(3)), atol=1e-6)


def test_views_differ_stay_in_range_and_depend_on_the_seed() -> None:
    same = np.repeat(photos(1), 20, axis=0)
    seen = views(same)
    assert seen.shape == (20, 32, 32, 3)
    assert (np.abs(seen) <= 1).all()
    differences = [np.abs(seen[i] - seen[j]).mean() for i in range(20) for j in range(i)]
    assert min(differences) > 0.02
    np.testing.assert_array_equal(seen, views(same))
    assert not np.array_equal(seen, views(same, seed=1))


@pytest.mark.parametrize("flip", [True, False])
def test_only_flip_mirrors_photos(flip: bool) -> None:
    seen = views(photos(200), flip=flip)
    darker_left = (seen[:, :, :8].mean(axis=(1, 2, 3)) < seen[:, :, -8:].mean(axis=(1, 2, 3))).mean()
    assert 0.35 < darker_left < 0.65 if flip else darker_left > 0.95


def test_views_are_centred_on_the_photo_on_average() -> None:
    spot = np.zeros((400, 37, 37, 3), np.uint8)
    spot[:, 15:22, 15:22] = 255
    bright = views(spot, flip=True).mean(axis=-1)
    weights = (bright - bright.min(axis=(1, 2), keepdims=True)) ** 4
    row, column = (np.average(np.arange(32), weights=weights.mean(axis=0).sum(axis=axis)) for axis in (1, 0))
    assert abs(row - 15.5) < 1
    assert abs(column - 15.5) < 1
