"""Results and changes as lines for a person."""

from __future__ import annotations

from typing import TextIO

from edge_cls.errors import one_line
from edge_cls.runtime.messages import Event, Message, Result


class TextLines:
    """Writes one line a result: frame, label, score, source; an event: frame, what changed; a status: how it is."""

    def __init__(self, stream: TextIO, *, wants: tuple[type, ...] = (Result,)) -> None:
        self.wants = wants
        self._stream = stream

    def publish(self, message: Message) -> None:
        """Write one line, and flush it."""
        if isinstance(message, Result):
            said = f"{nearest_of(message)}  {one_line(message.frame.source)}"
            self._stream.write(f"{message.frame.index:6d}  {said}\n")
        elif isinstance(message, Event):
            self._stream.write(f"{message.frame.index:6d}  {change_of(message)}\n")
        else:
            self._stream.write(one_line(str(message)) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream to who opened it."""


def nearest_of(result: Result) -> str:
    """Return what a frame shows: the class and its score, or that it is unknown."""
    prediction = result.prediction
    label = None if prediction.label is None else one_line(prediction.label)
    nearest = "no class" if label is None else f"{label} {prediction.score:6.1%}"
    if prediction.value is not None:
        nearest = f"{prediction.value:.6g}"
    return f"unknown (nearest: {nearest})" if prediction.unknown else nearest


def change_of(event: Event) -> str:
    """Return what changed, and by which evidence."""
    change = event.transition
    label, previous = one_line(change.label or "nothing known"), one_line(change.previous or "nothing known")
    said = {"entered": label, "left": previous, "changed": f"{previous} to {label}"}[change.kind]
    frames = "1 frame" if change.frames == 1 else f"{change.frames} frames"
    return f"{change.kind} {said} ({change.score:.1%}, {frames} in {change.at - change.since:.1f} s)"
