"""The messages for sinks: the result of each frame, changes of state, results of commands, and the status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_cls.classifier import Prediction
from edge_cls.core.neighbour import Neighbour
from edge_cls.learning.advice import Advice
from edge_cls.runtime.states import Transition

DEFAULT_CAMERA = "camera"
"""The name of the only camera or recording, in all messages."""
Action = Literal["teach", "undo", "forget", "background"]
"""What a command does: teach a class, undo the last change, forget a class, or teach the background class."""


@dataclass(frozen=True)
class FrameInfo:
    """Which frame it is: its number from 0, when it was captured, and by which `camera`.

    `timestamp` is in seconds since 1970, `captured` in seconds of the monotonic clock. `source` names the device or
    file. `position` is the place of the frame in a video, in seconds; None if the source is not a video.
    """

    index: int
    timestamp: float
    captured: float
    source: str
    position: float | None = None
    camera: str = DEFAULT_CAMERA

    @property
    def moment(self) -> float:
        """The time by which states are smoothed, in seconds: `position` if there is one, otherwise `captured`.

        A video may be read faster than it was recorded.
        """
        return self.captured if self.position is None else self.position


@dataclass(frozen=True)
class Result:
    """The raw prediction of one frame. `latency`: seconds from capture to result. `state`: the stable label."""

    frame: FrameInfo
    prediction: Prediction
    latency: float
    state: str | None = None


@dataclass(frozen=True)
class Event:
    """A stable state began, ended or gave way to another one; sent once, with the frame that decided it.

    `nearest`: the taught examples most similar to that frame, nearest first; none if no frame decided it.
    """

    frame: FrameInfo
    transition: Transition
    latency: float
    nearest: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class CommandAccepted:
    """A command was accepted and waits for its turn, at most until the next frame; its CommandResult follows.

    For outputs that react to a press at once, such as the feedback light. `timestamp` is in seconds since 1970.
    """

    action: Action
    label: str | None
    origin: str
    timestamp: float
    camera: str = DEFAULT_CAMERA


@dataclass(frozen=True)
class CommandResult:
    """The final result of a command, sent exactly once for each command.

    `kind`: "stored" (done, sent only after the commit), "duplicate" (nothing new), "conflict" (stored, but the example
    looks like another class), or "refused" (nothing was changed). `detail` is one line for a person. `advice` is that
    of the coach after teaching; None of other commands, of the background, and in a conflict. `origin` names the
    button, key or client that the command came from, such as "button 5" or "key t". `timestamp` is in seconds since
    1970.
    """

    action: Action
    kind: Literal["stored", "duplicate", "conflict", "refused"]
    label: str | None
    detail: str
    origin: str
    timestamp: float
    camera: str = DEFAULT_CAMERA
    advice: Advice | None = None


@dataclass(frozen=True)
class Status:
    """The condition of camera and process, sent whenever it changes. `timestamp` is in seconds since 1970.

    `kind`: the condition of `camera`. `detail`: the same, one line for a person. `problems`: all other problems, one
    line each. `state`: the stable label at that time, None if nothing known is seen; changes of the state are events.
    """

    timestamp: float
    kind: Literal["opening", "running", "down", "ended"]
    detail: str
    state: str | None = None
    problems: tuple[str, ...] = ()
    camera: str = DEFAULT_CAMERA

    def __str__(self) -> str:
        return "; ".join([f"{self.camera}: {self.detail}", *self.problems])


Message = Result | Event | CommandAccepted | CommandResult | Status
CHANGES = (Event, CommandResult, Status)
"""The kinds of message that report changes. Unlike a Result, none of them is sent for every frame."""
