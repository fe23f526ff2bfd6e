"""Speed of the nearest-neighbour search: `Vectors`, faiss's flat index and scikit-learn's brute force.

All hold the same vectors and get one query at a time on one thread. They take turns, so that other load on the machine
affects them equally. The results are ratios of medians, which are comparable between machines.
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
"""Neighbours per search."""
QUERIES = 20
"""Number of different queries, used in turn."""
TIE = 1e-6
"""Cosines that differ by less than this count as equal."""
_CHUNK = 1024
"""Rows that are generated or compared at once."""
_SCALE, _ZERO = 0.02, -128


@dataclass(frozen=True)
class SearchSpeed:
    """Times of one search among `examples` vectors, as ratios between libraries, and the memory used.

    scikit-learn's brute force is measured twice: with Euclidean distance between unit vectors, which gives the same
    order as the cosine, and with its metric "cosine", which normalises the vectors in each search. `identical`: True if
    `Vectors` finds the neighbours of a float64 brute-force search, up to ties. `ram`: bytes per example divided by the
    bytes of its vector; bookkeeping, a partly filled block and the search buffer are included.
    """

    examples: int
    int8_to_faiss: float
    sklearn_to_int8: float
    sklearn_cosine_to_int8: float
    identical: bool
    ram: float


def search_speed(examples: int, *, dim: int, rounds: int, seed: int = 0) -> SearchSpeed:
    """Measure the search among `examples` vectors of `dim` dimensions: the median of `rounds` searches per library."""
    rng = np.random.default_rng(seed)
    values = _embeddings(examples, dim, rng)
    classes = np.arange(examples) % max(2, examples // 20)
    queries = [
        QuantizedVector(row, _SCALE, _ZERO).dequantize() for row in _embeddings(QUERIES, dim, np.random.default_rng(1))
    ]
    tracemalloc.start()
    vectors = _filled(values)
    vectors.dots(queries[0])  # allocates the search buffer, which is included
    ram = tracemalloc.get_traced_memory()[0] / (examples * dim)
    tracemalloc.stop()
    units = vectors.rows()
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    identical = all(_agree(vectors, units, query) for query in queries)
    with threadpool_limits(1):
        medians = _medians(
            {
                "int8": _by_vectors(vectors, classes),
                "faiss": _by_faiss(units, classes),
                "sklearn": _by_sklearn(units, classes, "euclidean"),
                "sklearn cosine": _by_sklearn(units, classes, "cosine"),
            },
            queries,
            rounds,
        )
    return SearchSpeed(
        examples,
        int8_to_faiss=medians["int8"] / medians["faiss"],
        sklearn_to_int8=medians["sklearn"] / medians["int8"],
        sklearn_cosine_to_int8=medians["sklearn cosine"] / medians["int8"],
        identical=identical,
        ram=ram,
    )


Search = Callable[[NDArray[np.float32]], object]
"""Takes a query, float32 (dim,), and returns its class."""


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
    # The first round fills caches and buffers, so it is dropped.
    return {name: float(np.median(taken[1:])) for name, taken in seconds.items()}


def _agree(vectors: Vectors, units: NDArray[np.float32], query: NDArray[np.float32]) -> bool:
    exact = np.concatenate([chunk.astype(np.float64) @ query for chunk in _chunks(units)]) / np.linalg.norm(
        query.astype(np.float64)
    )
    found, cosines = vectors.nearest(query, NEIGHBOURS)
    best = np.sort(exact)[::-1][: len(found)]
    distinct = len(set(found.tolist())) == len(found)
    return distinct and bool((np.abs(exact[found] - best) < TIE).all() and (np.abs(cosines - best) < TIE).all())


def _chunks(rows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _filled(values: NDArray[np.int8]) -> Vectors:
    vectors = Vectors()
    for row in values:
        vectors.append(QuantizedVector(row, _SCALE, _ZERO))
    return vectors


def _embeddings(count: int, dim: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return int8 vectors distributed like ReLU features after pooling: many small values and a few large ones."""
    values = np.empty((count, dim), np.int8)
    for start in range(0, count, _CHUNK):
        chunk = rng.exponential(30, (min(_CHUNK, count - start), dim)).astype(np.float32)
        values[start : start + _CHUNK] = np.minimum(chunk, 255) + _ZERO
    return values
