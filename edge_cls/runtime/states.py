"""Smoothing: from the scores of single frames to stable states."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from edge_cls.core.labels import BACKGROUND

NEGLIGIBLE = 1e-3
"""Smoothed scores up to this are dropped, to save time: of a thousand classes, most are below it."""


@dataclass(frozen=True)
class Transition:
    """A stable state began (`entered`), ended (`left`) or gave way to another one (`changed`).

    `label` is the state from now on, `previous` the one before; None means that nothing known is seen. `score` is the
    smoothed score of the new label or, with `left`, of the previous one. The evidence is `frames` frames from the time
    `since` to the time `at`, in seconds of the argument `at` of `States.update`.
    """

    kind: Literal["entered", "left", "changed"]
    label: str | None
    previous: str | None
    score: float
    at: float
    since: float
    frames: int


class States:
    """Turns the scores of successive frames into stable states.

    Each score is smoothed exponentially with the time constant `smoothing_s`, at any frame rate. The best class may
    become the state if its score is at least `enter`, also in place of another state, and a state ends if its score is
    below `leave`. A change happens only if its condition has held in every frame for `dwell_s` seconds. Thus no state
    is shorter than that, and neither is the time without one. Labels in `background` never become the state, whatever
    their score.

    `state` is the stable label, None if nothing known is seen. `scores` are the smoothed scores, a new mapping after
    each frame. Scores below NEGLIGIBLE are dropped, which makes a smoothed score too low by at most twice that, and
    labels that are not seen any more disappear. Raises ValueError if a duration is negative or not finite, and unless
    0 <= leave <= enter <= 1.
    """

    def __init__(
        self,
        *,
        smoothing_s: float = 0.5,
        enter: float = 0.6,
        leave: float = 0.4,
        dwell_s: float = 0.5,
        background: Collection[str] = (BACKGROUND,),
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
        """Add the scores of a frame, in [0, 1], at the time `at` in seconds; return the change of state, if any.

        A frame that is `unknown` counts for no class. If `at` repeats, no time has passed; if it goes back, the dwell
        time of a change begins again.
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
        """Continue with the state of `other`, its scores, and its evidence for the next change."""
        self.state, self.scores, self._last = other.state, other.scores, other._last
        self._next, self._since, self._frames = other._next, other._since, other._frames

    def reset(self, at: float) -> Transition | None:
        """Forget everything, because no frames come. A state has `left` at once, without evidence."""
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
        # Scores below the contribution of a negligible score in this frame are dropped. A fixed limit would be wrong:
        # at a high frame rate one frame contributes little, and the score of a class could never begin to rise.
        self.scores = {label: score for label, score in smoothed.items() if score > weight * NEGLIGIBLE}

    def _wanted(self) -> str | None:
        """Return the state that the present smoothed scores stand for, without the dwell time."""
        best = max(self.scores, key=self.scores.__getitem__, default=None)
        current = None if self.state is None else self.scores.get(self.state, 0.0)
        if best is not None and self.scores[best] >= self._enter and (current is None or self.scores[best] > current):
            return None if best in self._background else best
        # After a reload, the current state may be one of the background labels.
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
