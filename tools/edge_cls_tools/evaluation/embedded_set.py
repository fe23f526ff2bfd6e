"""Photos in the embedding space of a model, as a memory on the device stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.model.file import ModelFile
from edge_cls_tools.backbones.embedding_cache import EmbeddingCache
from edge_cls_tools.dataset.loading import Photo, all_photos, photos_below
from edge_cls_tools.io.batches import Advance, Pixels, batches


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A data set in the embedding space of a model: the embedding of each photo, and its class index, (n,)."""

    name: str
    embeddings: Sequence[QuantizedVector]
    labels: NDArray[np.int64]


class Embedder(Protocol):
    """A model that computes embeddings of photos."""

    def embed(self, photos: Sequence[Photo], advance: Advance) -> Sequence[QuantizedVector]:
        """Return the embeddings of `photos` as the memory stores them.

        `advance` is called with the number of photos computed. Raises DatasetError if photos cannot be read.
        """
        ...


class DeviceModel:
    """An int8 model as an `Embedder`: it computes what the device does, and each photo only once, now and later.

    Raises ModelError if `file` has no embedding.
    """

    def __init__(self, file: ModelFile) -> None:
        self._cache = EmbeddingCache(file)

    def embed(self, photos: Sequence[Photo], advance: Advance) -> Sequence[QuantizedVector]:
        """Return the embeddings of `photos`: see `Embedder.embed`."""
        return self._cache.quantized(photos, advance)


class FloatNetwork(Protocol):
    """A Keras backbone."""

    @property
    def contract(self) -> Preprocessing:
        """The preprocessing that the network expects."""
        ...

    def embed(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the embeddings of `pixels`, uint8 (n, height, width, 3): float32 (n, dim)."""
        ...


class FloatModel:
    """A Keras backbone as an `Embedder`."""

    def __init__(self, network: FloatNetwork) -> None:
        self._network = network

    def embed(self, photos: Sequence[Photo], advance: Advance) -> Sequence[QuantizedVector]:
        """Return the embeddings of `photos`: see `Embedder.embed`."""
        paths = [photo.path for photo in photos]
        parts = [as_stored(self._network.embed(batch)) for batch in batches(paths, self._network.contract, advance)]
        return [embedding for part in parts for embedding in part]


def embed_set(embedder: Embedder, root: Path, *, advance: Advance) -> EmbeddedSet:
    """Return the embeddings of all photos at `root`, whatever their split.

    `advance` is called with the number of photos computed. Raises DatasetError if `root` has no class folders, or if
    photos cannot be read.
    """
    photos = all_photos(root)
    return EmbeddedSet(root.name, embedder.embed(photos, advance), np.array([photo.label for photo in photos]))


def embed_unlabeled(embedder: Embedder, root: Path, *, advance: Advance) -> Sequence[QuantizedVector]:
    """Return the embeddings of all photos in and below `root`, with class folders or without.

    `advance` is called with the number of photos computed. Raises DatasetError if there are none, or if photos cannot
    be read.
    """
    return embedder.embed(photos_below(root), advance)


def as_stored(embeddings: NDArray[np.float32]) -> Sequence[QuantizedVector]:
    """Return embeddings as the memory stores them: float32 (n, dim) becomes n int8 vectors."""
    return [quantize_vector(embedding, 1.0, 0) for embedding in embeddings]
