"""What messages are in JSON."""

from __future__ import annotations

import json

from edge_cls.runtime.messages import Event, Message, Result


def fields(message: Message) -> dict[str, object]:
    """Return the fields of a result, an event (it has `"event"`) or a status (it has `"status"`).

    Times of day are in seconds since 1970. `since_s` is how many seconds of evidence came before the decision,
    `position_s`, of an event in a video, where in it.
    """
    if isinstance(message, Result):
        return _result(message)
    if isinstance(message, Event):
        return _event(message)
    return {
        "status": message.camera,
        "detail": message.detail,
        "state": message.state,
        "problems": list(message.problems),
        "timestamp": round(message.timestamp, 6),
    }


def as_line(message: dict[str, object]) -> str:
    """Return one line of JSON that every reader of UTF-8 can read, half characters of file names escaped."""
    # A backslash, u and four digits: Python's escape of a half character is that of JSON.
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def _result(result: Result) -> dict[str, object]:
    line: dict[str, object] = {
        "frame": result.frame.index,
        "timestamp": round(result.frame.timestamp, 6),
        "label": result.prediction.label,
        "score": round(result.prediction.score, 6),
        "unknown": result.prediction.unknown,
        "state": result.state,
        "source": result.frame.source,
        "latency_ms": round(result.latency * 1000, 3),
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
        "timestamp": round(event.frame.timestamp, 6),
        "frame": event.frame.index,
        "since_s": round(transition.at - transition.since, 3),
        "frames": transition.frames,
        "source": event.frame.source,
        "latency_ms": round(event.latency * 1000, 3),
    }
    if event.frame.position is not None:
        line["position_s"] = round(event.frame.position, 3)
    return line
