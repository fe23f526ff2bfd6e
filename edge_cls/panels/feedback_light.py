"""What the feedback light shows.

| feedback  | the light                                                       |
|-----------|-----------------------------------------------------------------|
| heard     | on, until there is more to say, ten seconds at most             |
| stored    | one long flash                                                  |
| duplicate | two short flashes                                               |
| conflict  | three flashes, neither short nor long                           |
| refused   | flickers                                                        |

Every answer begins with a dark moment, which sets it off from "accepted". What is newer replaces what is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle

from edge_cls.runtime.ports import CommandResult

PATTERNS: Mapping[str, tuple[float, ...]] = {
    "accepted": (0.0, 10.0),
    "stored": (0.15, 1.0),
    "duplicate": (0.15, 0.15) * 2,
    "conflict": (0.15, 0.4) * 3,
    "refused": (0.05, 0.05) * 12,
}
"""Seconds dark, lit, dark, lit, ..."""


class Light:
    """Plays the patterns on a light that `switch` turns on and off. Times are seconds of any clock."""

    def __init__(self, switch: Callable[[bool], None]) -> None:
        self._switch = switch
        self._steps: Iterator[tuple[bool, float]] = iter(())
        self._due = math.inf

    def play(self, result: CommandResult, now: float) -> None:
        """Begin to show `result`, in place of what is shown."""
        self._steps = zip(cycle((False, True)), PATTERNS[result.kind])
        self._due = now
        self.advance(now)

    def due(self) -> float:
        """Return when `advance` will have something to do; infinite while nothing is shown."""
        return self._due

    def advance(self, now: float) -> None:
        """Show what belongs to `now`. Called late, the pattern is drawn out: no flash is left out."""
        while now >= self._due:
            lit, seconds = next(self._steps, (False, math.inf))
            self._switch(lit)
            self._due = now + seconds
