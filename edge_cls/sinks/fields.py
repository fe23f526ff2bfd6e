"""The JSON fields of messages."""

from __future__ import annotations

import json

from edge_cls.core.documents import with_schema
from edge_cls.core.neighbour import neighbour_fields
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, Message, Result, Status


def fields(message: Message) -> dict[str, object]:
    """Return the JSON fields of a message. Its kind shows in a key of its own; a result of a frame has none of these.

    - an event: `"event"`, which is "entered", "left" or "changed"
    - an accepted command or the result of a command: `"command"`, the action, and `"result"`, its kind
    - a status: `"status"`, the condition of the camera

    `nearest` are the taught examples most similar to the frame of a result, or to the frame that decided an event.
    Times of day are in seconds since 1970. `since_s` is the number of seconds of evidence before an event was decided,
    `position_s` the place of an event in a video, in seconds.
    """
    match message:
        case Result():
            return _result(message)
        case Event():
            return _event(message)
        case CommandAccepted() | CommandResult():
            return _command(message)
        case Status():
            return _status(message)


def as_line(message: dict[str, object]) -> str:
    """Return `message` as one line of JSON in valid UTF-8, with its schema number.

    Lone surrogates, from file names, are escaped.
    """
    # Python's escape of a lone surrogate is that of JSON: a backslash, u and four digits.
    return json.dumps(with_schema(message), ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def _result(result: Result) -> dict[str, object]:
    line: dict[str, object] = {
        "frame": result.frame.index,
        "timestamp": round(result.frame.timestamp, 6),
        "label": result.prediction.label,
        "score": round(result.prediction.score, 6),
        "known": round(result.prediction.known, 6),
        "unknown": result.prediction.unknown,
        "unsure": result.prediction.unsure,
        "state": result.state,
        "camera": result.frame.camera,
        "source": result.frame.source,
        "latency_ms": round(result.latency * 1000, 3),
        "nearest": neighbour_fields(result.prediction.nearest),
    }
    if result.prediction.value is not None:
        line["value"] = round(result.prediction.value, 6)
    return line


def _event(event: Event) -> dict[str, object]:
    transition = event.transition
    line: dict[str, object] = {
        "event": transition.kind,
        "label": transition.label,
        "previous": transition.previous,
        "score": round(transition.score, 6),
        "known": round(transition.known, 6),
        "timestamp": round(event.frame.timestamp, 6),
        "frame": event.frame.index,
        "since_s": round(transition.at - transition.since, 3),
        "frames": transition.frames,
        "camera": event.frame.camera,
        "source": event.frame.source,
        "latency_ms": round(event.latency * 1000, 3),
        "nearest": neighbour_fields(event.nearest),
    }
    if event.frame.position is not None:
        line["position_s"] = round(event.frame.position, 3)
    return line


def _command(message: CommandAccepted | CommandResult) -> dict[str, object]:
    line: dict[str, object] = {
        "command": message.action,
        "result": message.kind if isinstance(message, CommandResult) else "accepted",
        "label": message.label,
        "origin": message.origin,
        "camera": message.camera,
        "timestamp": round(message.timestamp, 6),
    }
    if isinstance(message, CommandResult):
        line["detail"] = message.detail
        line["advice"] = message.advice
    return line


def _status(status: Status) -> dict[str, object]:
    return {
        "status": status.kind,
        "detail": status.detail,
        "state": status.state,
        "problems": list(status.problems),
        "camera": status.camera,
        "timestamp": round(status.timestamp, 6),
    }
