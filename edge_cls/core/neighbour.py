"""A taught example near a vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Neighbour(NamedTuple):
    """A taught example near a vector, and the cosine of the angle between the two, in [-1, 1]."""

    id: str
    label: str
    cosine: float


def neighbour_fields(neighbours: Iterable[Neighbour]) -> list[dict[str, object]]:
    """Return the JSON fields of each neighbour; the cosine is its `similarity`.

    >>> neighbour_fields([Neighbour("1f0c", "mug", 0.93217)])
    [{'id': '1f0c', 'label': 'mug', 'similarity': 0.9322}]
    """
    return [{"id": one.id, "label": one.label, "similarity": round(one.cosine, 4)} for one in neighbours]
