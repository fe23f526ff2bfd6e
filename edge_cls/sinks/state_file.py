"""How things stand, in a file that is always whole."""

from __future__ import annotations

from pathlib import Path

from edge_cls.files import write_whole
from edge_cls.runtime.messages import Event, Message, Result, Status
from edge_cls.sinks.fields import as_line, fields


class StateFile:
    """Keeps the last status and the last event at `path`, as one JSON object.

    That is the status's fields, null before the first one, with the newest `"state"`, and `"event"`: the last event's
    fields, or null. A reader sees the old file or the new one. It stays when the appliance ends: `"status": "ended"`
    tells more than a missing file, and one that was killed cannot remove it anyway. What could not be written is in the
    next snapshot. Raises OutputError.
    """

    wants = (Event, Status)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status: dict[str, object] = dict.fromkeys(("status", "detail", "state", "problems", "timestamp"))
        self._event: dict[str, object] | None = None

    def publish(self, message: Message) -> None:
        """Replace the file."""
        if isinstance(message, Result):
            return
        if isinstance(message, Event):
            self._event = fields(message)
            self._status["state"] = message.transition.label
        else:
            self._status = fields(message)
        write_whole(self._path, as_line({**self._status, "event": self._event}).encode())

    def close(self) -> None:
        """There is nothing to let go of."""
