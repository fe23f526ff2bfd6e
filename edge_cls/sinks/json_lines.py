"""Writes messages as JSON, one object per line."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TextIO

from edge_cls.errors import OutputError
from edge_cls.runtime.messages import CHANGES, Message
from edge_cls.sinks.fields import as_line, fields


class JsonLines:
    """Writes the `fields` of each message as one line, to a stream or to the end of a file; `-` is stdout.

    `wants` are the kinds of message to write; by default those that report changes. The file is opened at the first
    message, and reopened if it was renamed or deleted (as logrotate does) or could not be written. Raises OutputError
    if a file cannot be written, and whatever a stream raises.
    """

    def __init__(self, target: TextIO | Path, *, wants: tuple[type, ...] = CHANGES) -> None:
        self.wants = wants
        target = sys.stdout if target == Path("-") else target
        self._output = _File(target) if isinstance(target, Path) else target

    def publish(self, message: Message) -> None:
        """Write one line, and flush it, so that the reader of a pipe gets it at once."""
        self._output.write(as_line(fields(message)))
        self._output.flush()

    def close(self) -> None:
        """Close the file. A stream is left open: it belongs to the code that opened it."""
        if isinstance(self._output, _File):
            self._output.close()


class _File:
    """A file that grows by whole lines, and that another process may rename or delete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.FileIO | None = None

    def write(self, line: str) -> None:
        try:
            rest = line.encode()
            if self._file is None or not self._still_there(self._file):
                self.close()
                if self._torn():
                    rest = b"\n" + rest
                # Unbuffered, so that data that could not be written is not written again later.
                self._file = self._path.open("ab", buffering=0)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            # The next message reopens the file, which may be on another disk then, and completes a partial line.
            self.close()
            raise OutputError(
                f"{self._path} cannot be written ({error.strerror})",
                hint="free disk space, create its folder, or choose another path",
            ) from error

    def flush(self) -> None:
        """Do nothing: the file is not buffered."""

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _still_there(self, file: io.FileIO) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False

    def _torn(self) -> bool:
        """Return whether the last line is incomplete, because a process was killed or the disk was full."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return False
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
