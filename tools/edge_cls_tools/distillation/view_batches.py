"""Batches of cached views for Keras, resized to the input size of the epoch."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls.images.preprocess import resize
from edge_cls_tools.distillation.view_cache import ViewCache


class ViewBatches(keras.utils.PyDataset):
    """Views and targets in the order of `indices`, in batches of `batch_size`, at `size` x `size` pixels."""

    def __init__(
        self, cache: ViewCache, targets: NDArray[np.float32], indices: NDArray[np.int64], size: int, batch_size: int
    ) -> None:
        super().__init__()
        self._cache, self._targets, self._indices = cache, targets, indices
        self._size, self._batch_size = size, batch_size

    def __len__(self) -> int:
        return -(-len(self._indices) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        # Sorted, because the views are read from a memory-mapped file that may be larger than the RAM.
        chosen = np.sort(self._indices[index * self._batch_size : (index + 1) * self._batch_size])
        views = self._cache.views[chosen]
        if views.shape[1] != self._size:
            views = np.stack([resize(view, self._size, self._size) for view in views])
        return views, self._targets[chosen]
