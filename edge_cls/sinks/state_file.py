"""A file with the current state, which a reader never sees half written."""

from __future__ import annotations

from pathlib import Path

from edge_cls.files import write_whole
from edge_cls.runtime.messages import CommandResult, Event, Message, Status
from edge_cls.sinks.fields import as_line, fields


class StateFile:
    """Keeps the last status, the last event and the last result of a command at `path`, as one JSON object.

    The object holds the fields of the status, null before the first one, with the newest `"state"`; `"event"`, the
    fields of the last event or null; and `"command"`, the fields of the last result of a command or null. A reader sees
    the old file or the new one. The file stays when the application ends: `"status": "ended"` says more than a missing
    file, and a process that is killed cannot remove it anyway. A message that could not be written is part of the next
    snapshot. Raises OutputError if the file cannot be written.
    """

    wants = (Event, CommandResult, Status)

    def __init__(self, path: Path) -> None:
        self._path = path
        keys = ("status", "detail", "state", "problems", "camera", "timestamp")
        self._status: dict[str, object] = dict.fromkeys(keys)
        self._event: dict[str, object] | None = None
        self._command: dict[str, object] | None = None

    def publish(self, message: Message) -> None:
        """Replace the file."""
        match message:
            case Event():
                self._event = fields(message)
                self._status["state"] = message.transition.label
            case CommandResult():
                self._command = fields(message)
            case Status():
                self._status = fields(message)
            case _:
                return
        state = {**self._status, "event": self._event, "command": self._command}
        write_whole(self._path, as_line(state).encode())

    def close(self) -> None:
        """Do nothing: no file is kept open."""
