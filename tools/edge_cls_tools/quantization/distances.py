"""Distances between the embeddings of photos."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.unit_vectors import unit_rows


def median_distance(embeddings: NDArray[np.floating[Any]]) -> float:
    """Return the median cosine distance between two different rows of `embeddings`, float (n, dim), in [0, 2].

    It is 0.0 if there is only one.
    """
    unit = unit_rows(embeddings)
    distances = (1 - unit @ unit.T)[np.triu_indices(len(unit), k=1)]
    # The cosine of two equal vectors may be above 1 by a rounding error.
    return float(np.clip(np.median(distances), 0, 2)) if len(distances) else 0.0
