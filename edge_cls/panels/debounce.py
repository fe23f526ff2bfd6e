"""From the raw edges of a contact, which bounces, to clean presses."""

from __future__ import annotations

import math
from dataclasses import dataclass

DEBOUNCE_S, HOLD_S, REPEAT_S = 0.02, 0.8, 0.3
"""Default times of a contact, in seconds; see `Debouncer`."""


@dataclass(frozen=True)
class Press:
    """The contact was closed at `at`, the moment of the first edge, and stayed closed."""

    at: float


@dataclass(frozen=True)
class Repeat:
    """The contact is still closed at `at`, long after the press."""

    at: float


@dataclass(frozen=True)
class Release:
    """The contact was opened at `at`, the moment of the first edge, and stayed open."""

    at: float


class Debouncer:
    """Tells presses, repeats and releases of one contact, that is open at first. Times are seconds of any clock.

    What the first edge says is believed when it is still, or again, so `debounce_s` later: bounces are one press, and
    a spike is none. Held longer than `hold_s`, which may be infinite, the press repeats every `repeat_s`.
    """

    def __init__(self, *, debounce_s: float, hold_s: float, repeat_s: float) -> None:
        self._debounce_s = debounce_s
        self._hold_s = hold_s
        self._repeat_s = repeat_s
        self._level = False  # what the last edge said
        self._down = False  # what is believed
        self._doubted = math.inf  # the first edge that says otherwise
        self._held_from = math.inf  # when the first repeat is due
        self._repeats = 0
        self._told: list[Press | Repeat | Release] = []

    def edge(self, down: bool, at: float) -> bool:
        """Take note of an edge; return whether it may be the moment of a press. Edges come in the order of time."""
        self._settle(at)
        first = down != self._level and down != self._down and self._doubted == math.inf
        self._level = down
        if first:
            self._doubted = at
        return first and down

    def due(self) -> float:
        """Return when `advance` will have something to tell; infinite where that takes another edge."""
        return self._next_repeat() if self._doubted == math.inf else self._doubted + self._debounce_s

    def advance(self, now: float) -> list[Press | Repeat | Release]:
        """Return what happened up to `now` that was not told yet.

        A repeat is told only while the contact is closed. Called late, it tells of the last repeat that was missed and
        of no other, and the rhythm stays.
        """
        self._settle(now)
        if self._doubted == math.inf and now >= self._next_repeat():
            # At least the one that is due: rounding may put the quotient just below it.
            self._repeats = max(self._repeats, math.floor((now - self._held_from) / self._repeat_s))
            self._told.append(Repeat(self._next_repeat()))
            self._repeats += 1
        told, self._told = self._told, []
        return told

    def _settle(self, now: float) -> None:
        if now < self._doubted + self._debounce_s:
            return
        if self._level != self._down:
            self._down = self._level
            self._told.append(Press(self._doubted) if self._down else Release(self._doubted))
            self._held_from = self._doubted + self._hold_s if self._down else math.inf
            self._repeats = 0
        self._doubted = math.inf

    def _next_repeat(self) -> float:
        return self._held_from + self._repeats * self._repeat_s
