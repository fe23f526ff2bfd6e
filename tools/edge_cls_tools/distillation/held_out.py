"""The check on held-out photos after each epoch of a distillation."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from edge_cls_tools.distillation.view_batches import ViewBatches
from edge_cls_tools.distillation.view_cache import ViewCache
from edge_cls_tools.evaluation.embedded_set import EmbeddedSet, as_stored
from edge_cls_tools.evaluation.fewshot import few_shot

PHOTOS_PER_CLUSTER = 25
"""Mean number of held-out photos in a cluster, which serves as a class of the few-shot check."""


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch: its number, from 1, its input size, and the held-out metrics of the averaged weights.

    `cosine` is the mean cosine to the targets. `few_shot` is the 10-way 5-shot accuracy of a kNN head whose classes are
    clusters of the teacher's embeddings, None if too few photos are held out.
    """

    number: int
    size: int
    cosine: float
    few_shot: float | None

    def __str__(self) -> str:
        accuracy = "" if self.few_shot is None else f", few-shot accuracy {self.few_shot:.1%}"
        return f"epoch {self.number} at {self.size} px: held-out cosine {self.cosine:.3f}{accuracy}"


class HeldOutCheck:
    """Measures the network on the held-out views; clusters of the targets of their photos serve as classes.

    `indices` are those of the held-out views, `seed` initialises k-means.
    """

    def __init__(
        self,
        cache: ViewCache,
        targets: NDArray[np.float32],
        indices: NDArray[np.int64],
        network: keras.Model,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        self._cache, self._targets, self._indices, self._batch_size = cache, targets, indices, batch_size
        self._network = keras.Model(network.input, [network.output, network.layers[-1].input])
        photos = indices[indices < cache.photos]
        self._clusters = None
        if len(photos) >= 4 * PHOTOS_PER_CLUSTER:
            means = KMeans(len(photos) // PHOTOS_PER_CLUSTER, random_state=seed).fit(targets[photos])
            self._clusters = means.labels_.astype(np.int64)

    def measure(self, number: int, size: int) -> Epoch:
        """Return the metrics of the network with its present weights, at an input size of `size` pixels."""
        views = ViewBatches(self._cache, self._targets, self._indices, size, self._batch_size)
        predicted, embeddings = self._network.predict(views, verbose=0)
        lengths = np.maximum(np.linalg.norm(predicted, axis=1), 1e-6)
        cosine = float(np.mean(np.sum(predicted * self._targets[self._indices], axis=1) / lengths))
        accuracy = None
        if self._clusters is not None:
            photos = EmbeddedSet("held-out photos", as_stored(embeddings[: len(self._clusters)]), self._clusters)
            accuracy = few_shot(photos, ways=10, shots=5, heads=["knn"], trials=100)[0].accuracy
        return Epoch(number, size, cosine, accuracy)
