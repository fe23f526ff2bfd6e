"""From the scores of single frames to stable states."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

NEGLIGIBLE = 1e-3
"""The score up to which a class is not worth following. Most of a thousand classes are below it."""


@dataclass(frozen=True)
class Transition:
    """A stable state began (`entered`), ended (`left`) or gave way to another one (`changed`).

    `label` is the state from now on, `previous` the one before; None is "nothing known". `score` is the smoothed score
    of the label that came or, with `left`, that went. The evidence: `frames` frames since `since`, the time of the
    first of them, in seconds, as `States.update` was told it; `at` is the time of the last one.
    """

    kind: Literal["entered", "left", "changed"]
    label: str | None
    previous: str | None
    score: float
    at: float
    since: float
    frames: int


class States:
    """Turns the scores of one frame after the other into states that last.

    Each score is smoothed exponentially with the time constant `smoothing_s`, whatever the frame rate. From `enter` on
    the class that is ahead may become the state, and below `leave` it stops being it; another class that reaches
    `enter` and is ahead takes over. That must hold for `dwell_s` seconds, each frame of them, before it is told, so no
    state is shorter, that of nothing known included. Labels in `background` are nothing too, however sure of them the
    classifier is.

    `state` is the stable label, None while nothing known is there; `scores` are the smoothed ones, a new mapping each
    time. Scores below NEGLIGIBLE are left out, which makes a smoothed score at most twice that too low, and labels that
    are not seen any more vanish. Raises ValueError for settings that make no sense.
    """

    def __init__(
        self,
        *,
        smoothing_s: float = 0.5,
        enter: float = 0.6,
        leave: float = 0.4,
        dwell_s: float = 0.5,
        background: Collection[str] = ("background",),
    ) -> None:
        for name, seconds in (("smoothing_s", smoothing_s), ("dwell_s", dwell_s)):
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} is {seconds:g}, not a number of seconds from 0 on")
        if not 0 <= leave <= enter <= 1:
            raise ValueError(f"leave is {leave:g} and enter {enter:g}, not 0 <= leave <= enter <= 1")
        self._smoothing = smoothing_s
        self._enter = enter
        self._leave = leave
        self._dwell = dwell_s
        self._background = frozenset(background)
        self.state: str | None = None
        self.scores: Mapping[str, float] = {}
        self._last: float | None = None
        self._next: str | None = None
        self._since = 0.0
        self._frames = 0

    def update(self, scores: Mapping[str, float], *, unknown: bool, at: float) -> Transition | None:
        """Take in the scores of a frame, in [0, 1], of the moment `at`, in seconds since whatever.

        A frame that is `unknown` speaks for no class. Where `at` repeats, no time has passed; where it goes back, what
        was about to be told must hold anew.
        """
        if self._last is not None and at < self._last:
            self._frames = 0
        self._smooth({} if unknown else scores, at)
        wanted = self._wanted()
        if wanted == self.state:
            self._frames = 0
            return None
        if wanted != self._next or self._frames == 0:
            self._next, self._since, self._frames = wanted, at, 0
        self._frames += 1
        return self._become(wanted, at) if at - self._since >= self._dwell else None

    def continue_from(self, other: States) -> None:
        """Take over what `other` has seen: its state, its scores, and the evidence for what is about to be told."""
        self.state, self.scores, self._last = other.state, other.scores, other._last
        self._next, self._since, self._frames = other._next, other._since, other._frames

    def reset(self, at: float) -> Transition | None:
        """Forget everything, because no frames come: whatever was there has `left`, at once and without evidence."""
        self._since, self._frames = at, 0
        transition = None if self.state is None else self._become(None, at)
        self.scores, self._last = {}, None
        return transition

    def _smooth(self, scores: Mapping[str, float], at: float) -> None:
        if self._last is None or not self._smoothing:
            weight = 1.0
        else:
            weight = -math.expm1(-max(0.0, at - self._last) / self._smoothing)
        self._last = at
        new = {label: score for label, score in scores.items() if score > NEGLIGIBLE}
        smoothed = {label: old + weight * (new.pop(label, 0.0) - old) for label, old in self.scores.items()}
        smoothed.update((label, weight * score) for label, score in new.items())
        # What is less than a negligible score would add now is forgotten. A fixed limit would not do: at a high frame
        # rate one frame adds little, and a class could never begin.
        self.scores = {label: score for label, score in smoothed.items() if score > weight * NEGLIGIBLE}

    def _wanted(self) -> str | None:
        """Return what the state should be, by the smoothed scores of now."""
        best = max(self.scores, key=self.scores.__getitem__, default=None)
        current = None if self.state is None else self.scores.get(self.state, 0.0)
        if best is not None and self.scores[best] >= self._enter and (current is None or self.scores[best] > current):
            return None if best in self._background else best
        # It may have become background by new rules.
        return None if current is None or current < self._leave or self.state in self._background else self.state

    def _become(self, label: str | None, at: float) -> Transition:
        previous, self.state = self.state, label
        kind: Literal["entered", "left", "changed"]
        if label is None:
            kind, score = "left", self.scores.get(str(previous), 0.0)
        else:
            kind, score = "entered" if previous is None else "changed", self.scores[label]
        frames, self._frames = self._frames, 0
        return Transition(kind, label, previous, score, at, self._since, frames)
