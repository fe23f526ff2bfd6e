"""A taught example near a vector."""

from __future__ import annotations

from typing import NamedTuple


class Neighbour(NamedTuple):
    """A taught example near a vector, and the cosine of the angle between the two, in [-1, 1]."""

    id: str
    label: str
    cosine: float
