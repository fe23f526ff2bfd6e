"""Results and changes as lines for a person."""

from __future__ import annotations

from typing import TextIO

from edge_cls.errors import one_line
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, Message, Result, Status


class TextLines:
    """Writes one line per message to a stream.

    The line of a frame's result holds frame number, label, score and source; of an event, frame number and change; of
    a command's result, the result and the origin of the command; of a status, camera and problems.
    """

    def __init__(self, stream: TextIO, *, wants: tuple[type, ...] = (Result, CommandResult)) -> None:
        self.wants = wants
        self._stream = stream

    def publish(self, message: Message) -> None:
        """Write one line, and flush it."""
        self._stream.write(_line(message) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the stream belongs to the code that opened it."""


def _line(message: Message) -> str:
    match message:
        case Result():
            return f"{message.frame.index:6d}  {prediction_line(message)}  {one_line(message.frame.source)}"
        case Event():
            return f"{message.frame.index:6d}  {change_line(message)}"
        case CommandResult():
            return command_line(message)
        case CommandAccepted():
            return one_line(f"{message.action}: accepted ({message.origin})")
        case Status():
            return one_line(str(message))


def prediction_line(result: Result) -> str:
    """Return the prediction of a frame: the class and its score, the two classes of an unsure one, or unknown."""
    prediction = result.prediction
    label = None if prediction.label is None else one_line(prediction.label)
    nearest = "no class" if label is None else f"{label} {prediction.score:6.1%}"
    if prediction.value is not None:
        nearest = f"{prediction.value:.6g}"
    if prediction.unsure:
        return f"unsure: {', '.join(f'{one_line(one.label)} {one.score:.1%}' for one in prediction.predictions[:2])}"
    if prediction.shows_background:
        return f"nothing ({label}) {prediction.score:6.1%}"
    return f"unknown (nearest: {nearest})" if prediction.unknown else nearest


def change_line(event: Event) -> str:
    """Return the change of state, and the evidence for it."""
    change = event.transition
    label, previous = one_line(change.label or "nothing known"), one_line(change.previous or "nothing known")
    said = {"entered": label, "left": previous, "changed": f"{previous} to {label}"}[change.kind]
    frames = "1 frame" if change.frames == 1 else f"{change.frames} frames"
    return f"{change.kind} {said} ({change.score:.1%}, {frames} in {change.at - change.since:.1f} s)"


def command_line(result: CommandResult) -> str:
    """Return the result of a command, and where the command came from."""
    said = result.detail if result.kind == "stored" else f"{result.kind}: {result.detail}"
    return one_line(f"{said} ({result.origin})")
