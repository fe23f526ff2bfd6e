"""Messages for the tests of sinks."""

from __future__ import annotations

from typing import Literal

from edge_cls.classifier import Prediction, Score
from edge_cls.runtime.messages import Action, CommandResult, Event, FrameInfo, Result, Status
from edge_cls.runtime.states import Transition


def frame_info(number: int) -> FrameInfo:
    return FrameInfo(number, 1.7e9 + number, float(number), "photo.jpg")


def event(
    number: int,
    label: str | None = "mug",
    *,
    previous: str | None = None,
    kind: Literal["entered", "left", "changed"] = "entered",
) -> Event:
    return Event(frame_info(number), Transition(kind, label, previous, 0.9, 0.8, float(number), number - 0.5, 6), 0.01)


def result(number: int, *scores: Score, unknown: bool = False, state: str | None = None) -> Result:
    return Result(frame_info(number), Prediction(scores, known=0.0 if unknown else 1.0), 0.023, state)


def status(number: int, *problems: str, state: str | None = None) -> Status:
    return Status(1.7e9 + number, "running", "picamera2 640x480", state, problems)


def command_result(
    number: int,
    detail: str = "mug: 3 taught",
    *,
    action: Action = "teach",
    kind: Literal["stored", "duplicate", "conflict", "refused"] = "stored",
    label: str | None = "mug",
) -> CommandResult:
    return CommandResult(action, kind, label, detail, "button 5", 1.7e9 + number)
