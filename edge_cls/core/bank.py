"""The bank of a backbone: the embeddings of generic photos, which stand for everything that was never taught."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.unit_vectors import unit_rows


class Bank:
    """The embeddings of photos of quite different things, for open-set rejection.

    `embeddings`: float32 (n, dim), of at least two photos. `units` are the same, normalised to length 1.
    """

    def __init__(self, embeddings: NDArray[np.float32]) -> None:
        self.units = unit_rows(embeddings)

    def __len__(self) -> int:
        return len(self.units)

    @cached_property
    def distance(self) -> float:
        """The median cosine distance of two photos."""
        upper = np.triu_indices(len(self.units), 1)
        return float(np.median(1.0 - (self.units @ self.units.T)[upper]))
