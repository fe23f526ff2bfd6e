"""How fast the nearest of many examples are found: our vectors, faiss's flat index and scikit-learn's brute force.

All have the same vectors, are asked one query at a time on one thread, and take turns, so that what else the machine
does hits them alike. What is told are ratios of medians: they mean something on another machine too.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.vectors import Vectors

NEIGHBOURS = 5
QUERIES = 20
"""How many different queries take turns."""
TIE = 1e-6
"""Cosines that differ by less are equal."""
_PART = 1024
_SCALE, _ZERO = 0.02, -128


@dataclass(frozen=True)
class SearchSpeed:
    """The time of one search among `examples` vectors, each as a ratio to another's time; and the memory that it takes.

    scikit-learn's brute force is measured twice: by Euclid among unit vectors, of which those of the highest cosine are
    the nearest, and by its metric "cosine", which makes unit vectors each time. `identical`: whether the neighbours, by
    int8 and by float32, are those of brute force in float64 up to ties. `ram`: bytes of an int8 example, bookkeeping
    included, to those of its vector; a part-filled block and the buffer count, as they do not grow with the memory.
    """

    examples: int
    float32_to_faiss: float
    int8_to_faiss: float
    int8_to_float32: float
    sklearn_to_float32: float
    sklearn_cosine_to_float32: float
    identical: bool
    ram: float


def search_speed(examples: int, *, dim: int, rounds: int, seed: int = 0) -> SearchSpeed:
    """Measure among `examples` vectors of `dim` numbers: the medians of `rounds` searches by each."""
    rng = np.random.default_rng(seed)
    values = _embeddings(examples, dim, rng)
    classes = np.arange(examples) % max(2, examples // 20)
    queries = [
        QuantizedVector(row, _SCALE, _ZERO).dequantize() for row in _embeddings(QUERIES, dim, np.random.default_rng(1))
    ]
    tracemalloc.start()
    whole = _filled(Vectors(np.int8), values)
    whole.dots(queries[0])  # its buffer counts too
    ram = tracemalloc.get_traced_memory()[0] / (examples * dim)
    tracemalloc.stop()
    floats = _filled(Vectors(np.float32), values)
    units = floats.rows()
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    identical = all(_agree(vectors, units, query) for vectors in (whole, floats) for query in queries)
    with threadpool_limits(1):
        medians = _medians(
            {
                "int8": _by_vectors(whole, classes),
                "float32": _by_vectors(floats, classes),
                "faiss": _by_faiss(units, classes),
                "sklearn": _by_sklearn(units, classes, "euclidean"),
                "sklearn cosine": _by_sklearn(units, classes, "cosine"),
            },
            queries,
            rounds,
        )
    return SearchSpeed(
        examples,
        float32_to_faiss=medians["float32"] / medians["faiss"],
        int8_to_faiss=medians["int8"] / medians["faiss"],
        int8_to_float32=medians["int8"] / medians["float32"],
        sklearn_to_float32=medians["sklearn"] / medians["float32"],
        sklearn_cosine_to_float32=medians["sklearn cosine"] / medians["float32"],
        identical=identical,
        ram=ram,
    )


Search = Callable[[NDArray[np.float32]], object]
"""Takes a query, float32 (dim,), and says its class."""


def _by_vectors(vectors: Vectors, classes: NDArray[np.int64]) -> Search:
    return lambda query: np.bincount(classes[vectors.nearest(query, NEIGHBOURS)[0]]).argmax()


def _by_faiss(units: NDArray[np.float32], classes: NDArray[np.int64]) -> Search:
    index = faiss.IndexFlatIP(units.shape[1])
    index.add(units)
    return lambda query: np.bincount(classes[index.search(query[None], NEIGHBOURS)[1][0]]).argmax()


def _by_sklearn(units: NDArray[np.float32], classes: NDArray[np.int64], metric: str) -> Search:
    classifier: Any = KNeighborsClassifier(NEIGHBOURS, algorithm="brute", metric=metric).fit(units, classes)
    return lambda query: classifier.predict(query[None])


def _medians(searches: dict[str, Search], queries: list[NDArray[np.float32]], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for turn in range(rounds + 1):
        for name, search in searches.items():
            start = time.perf_counter()
            search(queries[turn % len(queries)])
            seconds[name].append(time.perf_counter() - start)
    # The first round fills caches and buffers.
    return {name: float(np.median(taken[1:])) for name, taken in seconds.items()}


def _agree(vectors: Vectors, units: NDArray[np.float32], query: NDArray[np.float32]) -> bool:
    exact = np.concatenate([part.astype(np.float64) @ query for part in _parts(units)]) / np.linalg.norm(
        query.astype(np.float64)
    )
    found, cosines = vectors.nearest(query, NEIGHBOURS)
    best = np.sort(exact)[::-1][: len(found)]
    distinct = len(set(found.tolist())) == len(found)
    return distinct and bool((np.abs(exact[found] - best) < TIE).all() and (np.abs(cosines - best) < TIE).all())


def _parts(rows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (rows[start : start + _PART] for start in range(0, len(rows), _PART))


def _filled(vectors: Vectors, values: NDArray[np.int8]) -> Vectors:
    for row in values:
        vectors.append(QuantizedVector(row, _SCALE, _ZERO))
    return vectors


def _embeddings(count: int, dim: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return vectors like those of a network that ends in ReLU and pooling: many small numbers, a few large."""
    values = np.empty((count, dim), np.int8)
    for start in range(0, count, _PART):
        part = rng.exponential(30, (min(_PART, count - start), dim)).astype(np.float32)
        values[start : start + _PART] = np.minimum(part, 255) + _ZERO
    return values
