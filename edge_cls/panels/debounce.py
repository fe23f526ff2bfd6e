"""Debouncing: from the raw edges of a contact to presses, repetitions and releases."""

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
    """Turns the edges of one contact, open at first, into presses, repeats and releases.

    Times are seconds of any clock. An edge counts if the contact has the new level `debounce_s` later: bounces are one
    press, and a spike is none. A contact that is closed for `hold_s`, which may be infinite, repeats its press every
    `repeat_s`.
    """

    def __init__(self, *, debounce_s: float, hold_s: float, repeat_s: float) -> None:
        self._debounce_s = debounce_s
        self._hold_s = hold_s
        self._repeat_s = repeat_s
        self._level = False  # by the last edge
        self._down = False  # after debouncing
        self._pending_since = math.inf  # the time of the first edge to another level than `_down`
        self._held_from = math.inf  # when the first repeat is due
        self._repeats = 0
        self._changes: list[Press | Repeat | Release] = []

    def edge(self, down: bool, at: float) -> bool:
        """Record an edge; return whether it may be the moment of a press. Edges must come in the order of time."""
        self._settle(at)
        first = down != self._level and down != self._down and self._pending_since == math.inf
        self._level = down
        if first:
            self._pending_since = at
        return first and down

    def due(self) -> float:
        """Return when `advance` will return a change; infinite if it will not before another edge."""
        return self._next_repeat() if self._pending_since == math.inf else self._pending_since + self._debounce_s

    def advance(self, now: float) -> list[Press | Repeat | Release]:
        """Return the changes up to `now` that were not returned before.

        There are repeats only while the contact is closed. If called late, only the last of the missed repeats is
        returned, and the next one is due as if none had been missed.
        """
        self._settle(now)
        if self._pending_since == math.inf and now >= self._next_repeat():
            # At least the number of the repeat that is due: rounding may make the quotient slightly smaller.
            self._repeats = max(self._repeats, math.floor((now - self._held_from) / self._repeat_s))
            self._changes.append(Repeat(self._next_repeat()))
            self._repeats += 1
        changes, self._changes = self._changes, []
        return changes

    def _settle(self, now: float) -> None:
        if now < self._pending_since + self._debounce_s:
            return
        if self._level != self._down:
            self._down = self._level
            self._changes.append(Press(self._pending_since) if self._down else Release(self._pending_since))
            self._held_from = self._pending_since + self._hold_s if self._down else math.inf
            self._repeats = 0
        self._pending_since = math.inf

    def _next_repeat(self) -> float:
        return self._held_from + self._repeats * self._repeat_s
