"""The cache of embeddings saves work, and its failure costs nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_cls.backends.backend import Tensor
from edge_cls.core.quantization import dequantize
from edge_cls.images.reading import read_image
from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.backbones.embedding_cache import EmbeddingCache
from edge_cls_tools.dataset.loading import all_photos
from edge_cls_tools.linear_head import Embeddings
from tests import toy_model
from tests.colors import write_colors


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_colors(tmp_path / "data", 2)
    return tmp_path


def embed(tiny: Path, folder: Path) -> tuple[int, Embeddings]:
    """Return the number of photos computed, and the embeddings."""
    photos = all_photos(folder / "data")
    cache = EmbeddingCache(read_model(tiny))
    return len(cache.missing(photos)), cache.embed(photos, lambda _: None)


def test_each_photo_is_computed_once(tiny: Path, folder: Path) -> None:
    computed, embeddings = embed(tiny, folder)
    again, stored = embed(tiny, folder)
    assert (computed, again) == (6, 0)
    np.testing.assert_array_equal(embeddings, stored)


def test_the_stored_vectors_are_those_of_the_device(tiny: Path, folder: Path) -> None:
    float_output = toy_model.write_mean_color(folder / "mean.tflite")
    for path in (tiny, float_output):
        photos, model = all_photos(folder / "data"), Model(read_model(path))
        cached = EmbeddingCache(read_model(path)).quantized(photos, lambda _: None)
        for photo, vector in zip(photos, cached, strict=True):
            expected = model.infer(read_image(photo.path)).embedding
            assert expected is not None
            assert vector.scale == pytest.approx(expected.scale, rel=1e-6)
            assert vector.zero_point == expected.zero_point
            np.testing.assert_array_equal(vector.values, expected.values)


def test_the_zero_point_of_an_output_is_restored(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(16, dtype=np.int8) - np.int8(8)
    monkeypatch.setattr(Model, "embedding", Tensor("embedding", (1, 16), np.dtype(np.int8), 0.3, 7))
    monkeypatch.setattr(EmbeddingCache, "embed", lambda *_: dequantize(values[None], 0.3, 7))
    (vector,) = EmbeddingCache(read_model(tiny)).quantized([], lambda _: None)
    np.testing.assert_array_equal(vector.values, values)
    assert (vector.scale, vector.zero_point) == (0.3, 7)


@pytest.mark.parametrize("keep", [0, 100, -1, -30])
def test_a_damaged_cache_is_computed_again(tiny: Path, folder: Path, keep: int) -> None:
    _, embeddings = embed(tiny, folder)
    (file,) = (folder / "cache").rglob("*.npz")
    file.write_bytes(file.read_bytes()[:keep])
    computed, again = embed(tiny, folder)
    assert computed == 6
    np.testing.assert_array_equal(embeddings, again)
    assert embed(tiny, folder)[0] == 0


def test_a_cache_that_cannot_be_written_is_not_needed(
    tiny: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(next((folder / "data").rglob("*.png"))))
    assert [embed(tiny, folder)[0] for _ in range(2)] == [6, 6]
