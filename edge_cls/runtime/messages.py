"""What the appliance tells: what each frame shows, what changed, and how it is itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_cls.classifier import Prediction
from edge_cls.runtime.states import Transition


@dataclass(frozen=True)
class FrameInfo:
    """Which frame it was: its number from 0, when it was captured, and what it is a picture of or from.

    `timestamp` is in seconds since 1970, `captured` in seconds of the monotonic clock. `position`: where in a recording
    that has a time of its own it lies, in seconds; a video may be read faster than it happened.
    """

    index: int
    timestamp: float
    captured: float
    source: str
    position: float | None = None

    @property
    def moment(self) -> float:
        """When what it shows happened, in seconds since something: what states go by."""
        return self.captured if self.position is None else self.position


@dataclass(frozen=True)
class Result:
    """What one frame shows, raw. `latency`: seconds from capture to result. `state`: the stable label."""

    frame: FrameInfo
    prediction: Prediction
    latency: float
    state: str | None = None


@dataclass(frozen=True)
class Event:
    """A stable state began, ended, or gave way to another one, told once, with the frame that decided it."""

    frame: FrameInfo
    transition: Transition
    latency: float


@dataclass(frozen=True)
class Status:
    """How the appliance is, told whenever that changes. `timestamp` is in seconds since 1970.

    `detail`: one line for a person, of the camera. `problems`: what is amiss besides, a line each. `state`: the stable
    label at that time, None where nothing known is seen; its changes are told by events.
    """

    timestamp: float
    camera: Literal["opening", "running", "down", "ended"]
    detail: str
    state: str | None = None
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join([f"camera: {self.detail}", *self.problems])


Message = Result | Event | Status
CHANGES = (Event, Status)
"""The kinds of message that tell of changes, and not of every frame."""
