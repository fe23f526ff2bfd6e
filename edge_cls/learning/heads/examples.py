"""The examples that all heads share: one copy of their vectors, the class of each, and the cosines among them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.unit_vectors import unit_rows
from edge_cls.learning.vectors import Metric, Vector, Vectors

LIMIT = 1024
"""Number of examples up to which the cosines of all pairs are kept: 4 MiB at most."""
NEAR_DUPLICATE = 0.03
"""Cosine distance below which examples of one class are near duplicates and count as one photo, as the frames of a held
button are. In four photo data sets under 1 % of the photos have a near duplicate, but 10 % of the groceries with the
built-in backbone."""
HOLD_GAP_S = 2.0
"""Seconds between two frames of a class up to which they may come from one held button."""
HOLD_DISTANCE = 0.045
"""Cosine distance below which two such frames are near duplicates: with the noise of a sensor, the frames of an object
that does not move can be farther apart than NEAR_DUPLICATE."""
_CHUNK = 256
"""Vectors that are converted to float32 at a time."""


@dataclass(frozen=True, eq=False)
class Query:
    """A vector, float32 (dim,), and the cosine of its angle with each example, float32 (n,)."""

    vector: Vector
    cosines: Vector

    @cached_property
    def unit(self) -> NDArray[np.float64]:
        """The vector, normalised to length 1, float64 (dim,); zeros if the vector is zero."""
        length = float(np.linalg.norm(self.vector))
        return self.vector.astype(np.float64) / (length or 1.0)


class Examples:
    """Examples by index, 0 to n - 1; classes by index, in the order in which they were taught."""

    def __init__(self) -> None:
        self.vectors = Vectors()
        self.classes: list[str] = []
        self._targets = np.empty(0, np.intp)
        self._originals = np.empty(0, np.intp)  # a number for each photo, which its copies share
        self._times = np.empty(0)
        self._photos = 0
        self._cosines: Vector | None = None
        self._distances: dict[Metric, Vector] = {}
        self._groups: list[NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def targets(self) -> NDArray[np.intp]:
        """The class of each example, (n,)."""
        return self._targets[: len(self)]

    @property
    def counts(self) -> NDArray[np.intp]:
        """The number of examples of each class, (classes,)."""
        return np.bincount(self.targets, minlength=len(self.classes))

    @property
    def cosines(self) -> Vector:
        """The cosine of the angle of each pair, float32 (n, n); 1 on the diagonal.

        Computed on first use and kept up to date from then on. Raises ValueError if there are more than LIMIT examples.
        """
        if len(self) > LIMIT:
            raise ValueError(f"the cosines of {len(self)} examples are not kept, only those of at most {LIMIT}")
        if self._cosines is None:
            units = np.empty((len(self), self.vectors.dim), np.float32)
            for chunk in self.chunks():
                units[chunk] = self.units(chunk)
            self._cosines = units @ units.T
            np.fill_diagonal(self._cosines, 1.0)  # also of a zero vector
        return self._cosines[: len(self), : len(self)]

    def distances(self, metric: Metric) -> Vector:
        """Return the distance of each pair, float32 (n, n); cached until the examples change.

        Raises ValueError if there are more than LIMIT examples.
        """
        if metric == "cosine":
            return np.maximum(1 - self.cosines, 0)
        if metric not in self._distances:
            rows = self.vectors.rows()
            distances = np.zeros_like(self.cosines)
            for index, row in enumerate(rows):
                differences = rows[index:] - row
                if metric == "manhattan":
                    beyond = np.abs(differences, out=differences).sum(axis=1)
                else:
                    beyond = np.sqrt(np.einsum("ij,ij->i", differences, differences))
                distances[index, index:] = distances[index:, index] = beyond
            self._distances[metric] = distances
        return self._distances[metric]

    def one_hot(self) -> NDArray[np.float64]:
        """Return the one-hot encoding of the classes, float64 (n, classes)."""
        return np.asarray(self.targets[:, None] == np.arange(len(self.classes)), np.float64)

    def query(self, vector: Vector) -> Query:
        """Return `vector`, float32 (dim,), with its cosine to each example: one pass over all vectors."""
        return Query(vector, self.vectors.cosines(vector))

    def append(
        self,
        embedding: QuantizedVector,
        label: str,
        *,
        taught_at: float | None = None,
        copy_of: int | None = None,
    ) -> None:
        """Add an example, taught at a time in seconds; None if that is not known.

        `copy_of` is the index of the example that it is an altered copy of, if it is one.
        Raises ValueError if the vector has another dimension than the first.
        """
        count = len(self)
        self.vectors.append(embedding)
        self._distances, self._groups = {}, None
        if label not in self.classes:
            self.classes.append(label)
        if count == len(self._targets):
            more = np.empty(max(16, count), np.intp)
            self._targets, self._originals = np.append(self._targets, more), np.append(self._originals, more)
            self._times = np.append(self._times, np.full(len(more), np.nan))
        self._targets[count] = self.classes.index(label)
        self._originals[count] = self._photos if copy_of is None else self._originals[copy_of]
        self._times[count] = np.nan if taught_at is None else taught_at
        self._photos += 1
        if self._cosines is None or count >= LIMIT:
            self._cosines = None
            return
        if count == len(self._cosines):
            room = min(max(16, 2 * count), LIMIT)
            larger = np.empty((room, room), np.float32)
            larger[:count, :count] = self._cosines[:count, :count]
            self._cosines = larger
        self._cosines[count, : count + 1] = self.vectors.cosines(self.vectors[count])
        self._cosines[: count + 1, count] = self._cosines[count, : count + 1]
        self._cosines[count, count] = 1.0

    def taught_at(self, index: int) -> float | None:
        """Return the time at which an example was taught, in seconds since 1970; None if it is not known."""
        time = float(self._times[index])
        return None if math.isnan(time) else time

    def remove(self, index: int) -> None:
        """Remove the example at `index`: the last one takes its place. A class without examples is removed too."""
        last = len(self) - 1
        self._distances, self._groups = {}, None
        gone = self._targets[index]
        for facts in (self._targets, self._originals, self._times):
            facts[index] = facts[last]
        if self._cosines is not None:
            self._cosines[index, :last] = self._cosines[last, :last]
            self._cosines[:last, index] = self._cosines[:last, last]
            self._cosines[index, index] = 1.0
        self.vectors.remove(index)
        if gone not in self.targets:
            del self.classes[gone]
            self._targets[self._targets > gone] -= 1

    def units(self, indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the vectors at `indices`, normalised to length 1, float32 (len(indices), dim); zeros stay zeros."""
        return unit_rows(self.vectors.take(indices).rows())

    def chunks(self) -> list[NDArray[np.intp]]:
        """Return all indices in pieces of at most _CHUNK, small enough to convert the vectors to float32."""
        return [np.arange(start, min(start + _CHUNK, len(self))) for start in range(0, len(self), _CHUNK)]

    def spread(self, count: int) -> NDArray[np.intp]:
        """Return at most `count` indices, ascending, spread evenly over the classes and over each class's examples."""
        if len(self) <= count:
            return np.arange(len(self))
        of_class = [np.flatnonzero(self.targets == label) for label in range(len(self.classes))]
        # Examples are ranked at the positions 0, 1/2, 1/4, 3/4, 1/8, ... of their class: every prefix is spread evenly.
        rank = np.empty(len(self), np.intp)
        for members in of_class:
            rank[members[np.argsort([_bit_reversed(position) for position in range(len(members))], kind="stable")]] = (
                np.arange(len(members))
            )
        return np.sort(np.lexsort((self.targets, rank))[:count])

    def subset(self, indices: NDArray[np.intp]) -> Examples:
        """Return a copy of the examples at `indices`, with the same classes and no shared data."""
        chosen = Examples()
        chosen.classes, chosen.vectors = list(self.classes), self.vectors.take(indices)
        chosen._targets, chosen._originals = self.targets[indices], self._originals[indices]
        chosen._times, chosen._photos = self._times[indices], self._photos
        if self._cosines is not None:
            chosen._cosines = self._cosines[indices[:, None], indices]
        return chosen

    def groups(self) -> list[NDArray[np.intp]]:
        """Return the indices of the examples, grouped by near duplicates of one class; copies are beside their example.

        Frames of one held button, by the time at which they were taught, are near duplicates at a larger distance.

        Raises ValueError if there are more than LIMIT examples.
        """
        if self._groups is not None:
            return self._groups
        originals, times = self._originals[: len(self)], self._times[: len(self)]
        held = np.abs(times[:, None] - times) <= HOLD_GAP_S  # never true of an unknown time, which is NaN
        alike = (self.cosines > 1 - NEAR_DUPLICATE) | (originals[:, None] == originals)
        alike |= held & (self.cosines > 1 - HOLD_DISTANCE)
        linked = alike & (self.targets[:, None] == self.targets)
        np.fill_diagonal(linked, val=True)
        found, seen = [], np.zeros(len(self), bool)
        for start in range(len(self)):
            if seen[start]:
                continue
            group = linked[start]
            while True:
                larger = linked[group].any(axis=0)
                if larger.sum() == group.sum():
                    break
                group = larger
            seen |= group
            found.append(np.flatnonzero(group))
        self._groups = found
        return found


def _bit_reversed(position: int) -> float:
    """Return the element of the van der Corput sequence at `position`: 0, 1/2, 1/4, 3/4, 1/8, ..."""
    value, step = 0.0, 0.5
    while position:
        value += step * (position & 1)
        position >>= 1
        step /= 2
    return value
