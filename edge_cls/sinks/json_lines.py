"""Messages as JSON, one object a line."""

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
    """Writes a line of `fields` a message, to a stream or to the end of a file; `-` is stdout.

    Of the kinds of message it `wants`: events and statuses, unless told otherwise. The file is opened when there is
    something to write, and again when it was renamed, deleted (as logrotate does it) or failed. Raises OutputError
    where a file cannot be written, and what a stream raises.
    """

    def __init__(self, target: TextIO | Path, *, wants: tuple[type, ...] = CHANGES) -> None:
        self.wants = wants
        target = sys.stdout if target == Path("-") else target
        self._output = _File(target) if isinstance(target, Path) else target

    def publish(self, message: Message) -> None:
        """Write one line, and flush it, so that who reads a pipe sees it at once."""
        self._output.write(as_line(fields(message)))
        self._output.flush()

    def close(self) -> None:
        """Close the file. A stream belongs to who opened it."""
        if isinstance(self._output, _File):
            self._output.close()


class _File:
    """A file that grows by whole lines, and may be moved away."""

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
                # Unbuffered, so that what fails now is not tried again behind our back.
                self._file = self._path.open("ab", buffering=0)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            # The next one may find another disk there. It will also see to half a line.
            self.close()
            raise OutputError(
                f"{self._path} cannot be written ({error.strerror})",
                hint="free some space, make its folder, or choose another place",
            ) from error

    def flush(self) -> None:
        """Nothing is held back."""

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
        """Return whether the last line is half a one, of a process that was killed, or of a full disk."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return False
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
