"""Views: how many different ones the examples of a class show. Frames of an object that stands still show one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ONE_VIEW = 0.09
"""Mean distance of the pairs below which examples show one view, as a share of the distance of unknown objects. With
the backbones builtin and lite0-160 it is at most 0.08 if nothing but the noise of the sensor changes (a standard
deviation of 15 of 255), 0.10 to 0.25 if the object is turned by 60 degrees or comes nearer, and at least 0.11 for 99 %
of all sets of five photos of a class."""
DIFFERENT = 0.05
"""Distance from which two examples show different views, as the same share."""
COMPARED = 256
"""Most examples of a class that are compared with each other: that takes milliseconds."""


def sample(indices: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return all of the `indices`, or COMPARED of them, evenly spread."""
    if len(indices) <= COMPARED:
        return indices
    return np.asarray(indices[np.linspace(0, len(indices) - 1, COMPARED).astype(np.intp)])


def count_views(units: NDArray[np.float32], unknown_distance: float) -> int:
    """Return the number of different views of examples: so many of them lie DIFFERENT apart from each other.

    `units`: their embeddings, normalised to length 1, (n, dim). `unknown_distance`: the typical cosine distance between
    photos of different objects.
    """
    distances = 1 - units @ units.T
    if is_one_view(distances, unknown_distance):
        return 1
    chosen: list[int] = []
    for index, row in enumerate(distances):
        if not chosen or row[chosen].min() >= DIFFERENT * unknown_distance:
            chosen.append(index)
    return len(chosen)


def is_one_view(distances: NDArray[np.float32], unknown_distance: float) -> bool:
    """Return whether examples show one view, by the cosine distances of all pairs, (n, n)."""
    count = len(distances)
    return count > 0 and distances.sum() <= ONE_VIEW * unknown_distance * count * (count - 1)


def nearest_distances(units: NDArray[np.float32], others: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return the cosine distance of each embedding to the nearest of `others`, or of the others among `units`: (n,).

    Both are normalised to length 1, (n, dim). The distance is infinite if there is no other embedding.
    """
    distances = 1 - units @ (units if others is None else others).T
    if others is None:
        np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.min(axis=1, initial=np.inf), np.float32)
