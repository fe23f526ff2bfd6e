"""Smoothing: from the predictions of single frames to stable states."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edge_cls.core.labels import BACKGROUND
from edge_cls.prediction import Prediction

NEGLIGIBLE = 1e-3
"""Evidence below this part of what one frame adds is dropped: labels that are not seen any more disappear."""
UNSURE_PATIENCE = 4.0
"""Factor of the time constant with which the evidence for the state decays in frames between it and another class.

Without it, two classes that are equally probable take turns: at 10 frames per second the state would change 7 times
a minute, with it less than once an hour. The price: a class that stays ahead by a little takes 1.4 s longer.
"""


@dataclass(frozen=True)
class Transition:
    """A stable state began (`entered`), ended (`left`) or gave way to another one (`changed`).

    `label` is the state from now on, `previous` the one before; None means that nothing known is seen. `score` and
    `known` are those of a `Prediction`, averaged over the recent frames that show the new label or, with `left`, the
    previous one. The evidence is `frames` frames from the time `since` to the time `at`, in seconds of the argument
    `at` of `States.update`.
    """

    kind: Literal["entered", "left", "changed"]
    label: str | None
    previous: str | None
    score: float
    known: float
    at: float
    since: float
    frames: int


class Evidence(NamedTuple):
    """The evidence for a class.

    `share`: the share of the recent frames that are known, with this class as the best. `score`, `known`: the averages
    of their predictions. All are smoothed exponentially, and in [0, 1].
    """

    share: float = 0.0
    score: float = 0.0
    known: float = 0.0

    def faded(self, weight: float) -> Evidence:
        """Return the evidence after a frame that does not show the class."""
        return Evidence((1.0 - weight) * self.share, self.score, self.known)

    def strengthened(self, prediction: Prediction, weight: float) -> Evidence:
        """Return the evidence after a frame that shows the class."""
        share = self.share + weight * (1.0 - self.share)
        step = weight / share if share else 0.0
        score = self.score + step * (prediction.score - self.score)
        return Evidence(share, score, self.known + step * (prediction.known - self.known))


class States:
    """Turns the predictions of successive frames into stable states: what stays known becomes the state.

    A known frame counts for its best class, whatever its score, and an unknown one for none. The share of the recent
    frames that count for a class is smoothed exponentially with the time constant `smoothing_s`, at any frame rate.
    A state stays until its share is below `leave`; then the class with the largest share becomes the state, if that is
    at least `enter`. A change happens only if its condition has held in every frame for `dwell_s` seconds. Thus no
    state is shorter than that, and neither is the time without one. In frames that are unsure between another class
    and the state, the share of the state decays UNSURE_PATIENCE times as slowly. Labels in `background` and the
    reserved label BACKGROUND never become the state.

    `state` is the stable label, None if nothing known is seen. `evidence` has the classes seen recently, and is a new
    mapping after each frame. Raises ValueError if a duration is negative or not finite, and unless
    0 < leave <= enter < 1.
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
        if not 0 < leave <= enter < 1:
            raise ValueError(f"leave is {leave:g} and enter {enter:g}, not 0 < leave <= enter < 1")
        self._smoothing = smoothing_s
        self._enter = enter
        self._leave = leave
        self._dwell = dwell_s
        self._background = frozenset((BACKGROUND, *background))
        self.state: str | None = None
        self.evidence: Mapping[str, Evidence] = {}
        self._last: float | None = None
        self._next: str | None = None
        self._since = 0.0
        self._frames = 0

    def update(self, prediction: Prediction, *, at: float) -> Transition | None:
        """Add the prediction of a frame at the time `at` in seconds; return the change of state, if any.

        If `at` repeats, no time has passed; if it goes back, the dwell time of a change begins again.
        """
        if self._last is not None and at < self._last:
            self._frames = 0
        self._smooth(prediction, at)
        wanted = self._wanted()
        if wanted == self.state:
            self._frames = 0
            return None
        if wanted != self._next or self._frames == 0:
            self._next, self._since, self._frames = wanted, at, 0
        self._frames += 1
        return self._become(wanted, at) if at - self._since >= self._dwell else None

    def continue_from(self, other: States) -> None:
        """Continue with the state of `other`, its evidence, and how far its next change is."""
        self.state, self.evidence, self._last = other.state, other.evidence, other._last
        self._next, self._since, self._frames = other._next, other._since, other._frames

    def reset(self, at: float) -> Transition | None:
        """Forget everything, because no frames come. A state has `left` at once, without evidence."""
        self._since, self._frames = at, 0
        transition = None if self.state is None else self._become(None, at)
        self.evidence, self._last = {}, None
        return transition

    def _smooth(self, prediction: Prediction, at: float) -> None:
        weight, patient_weight = self._weight(at, 1.0), self._weight(at, UNSURE_PATIENCE)
        self._last = at
        evidence = {label: one.faded(weight) for label, one in self.evidence.items()}
        if self.state is not None and prediction.rival == self.state:
            evidence[self.state] = self.evidence[self.state].faded(patient_weight)
        seen = None if prediction.unknown else prediction.label
        if seen is not None:
            evidence[seen] = self.evidence.get(seen, Evidence()).strengthened(prediction, weight)
        # A fixed limit would be wrong: at a high frame rate one frame adds little, and no class could begin to rise.
        limit = weight * NEGLIGIBLE
        self.evidence = {label: one for label, one in evidence.items() if one.share > limit or label == self.state}

    def _weight(self, at: float, patience: float) -> float:
        """Return the weight of the frame at the time `at` in the exponential smoothing."""
        if self._last is None or not self._smoothing:
            return 1.0
        return -math.expm1(-max(0.0, at - self._last) / (patience * self._smoothing))

    def _wanted(self) -> str | None:
        """Return the state that the present evidence stands for, without the dwell time."""
        evidence = self.evidence
        # After a reload, the current state may be one of the background labels.
        if self.state is not None and self.state not in self._background and evidence[self.state].share >= self._leave:
            return self.state
        best = max(evidence, key=lambda label: evidence[label].share, default=None)
        return None if best is None or evidence[best].share < self._enter or best in self._background else best

    def _become(self, label: str | None, at: float) -> Transition:
        previous, self.state = self.state, label
        kind: Literal["entered", "left", "changed"]
        kind = "left" if label is None else "entered" if previous is None else "changed"
        evidence = self.evidence[str(label or previous)]
        frames, self._frames = self._frames, 0
        return Transition(kind, label, previous, evidence.score, evidence.known, at, self._since, frames)
