"""Normalisation of vectors to length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MIN_LENGTH = 1e-12
"""Shorter vectors are divided by this, so that zeros stay zeros."""


def unit_rows(rows: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return `rows`, float (n, dim), each divided by its Euclidean length, float32 (n, dim); zeros stay zeros.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _MIN_LENGTH), np.float32)
