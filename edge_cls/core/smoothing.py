"""From the scores of single frames to stable states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Transition:
    """A stable state began (`entered`), ended (`left`) or gave way to another one (`changed`).

    `label` is the state from now on, `previous` the one before; None is "nothing known". `score` is the smoothed score
    of the label that came or, with `left`, that went. The evidence: `frames` frames since `since`, the time of the
    first of them, in seconds of the monotonic clock; `at` is the time of the last one.
    """

    kind: Literal["entered", "left", "changed"]
    label: str | None
    previous: str | None
    score: float
    at: float
    since: float
    frames: int
