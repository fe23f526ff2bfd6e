"""Where the log goes: with levels and fields to the journal under systemd, as plain lines to stderr elsewhere."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import TextIO

from edge_cls.errors import one_line

JOURNAL = "/run/systemd/journal/socket"
FIELD_PREFIX = "EDGE_CLS_"
"""`extra={"EDGE_CLS_CAMERA": ...}` of a logging call is a field of that name in the journal."""

_MESSAGE_LIMIT = 32 * 1024


def set_up(environ: Mapping[str, str]) -> None:
    """Send the log of this process to its place: to the journal from INFO on, to a person what is amiss.

    With EDGE_CLS_DEBUG=1 from DEBUG on. Of libraries, from WARNING on.
    """
    handler: logging.Handler
    level = logging.WARNING
    if is_journal(environ):
        handler, level = JournalHandler(JOURNAL), logging.INFO
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = _Stderr()
        handler.setFormatter(_Plain())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("edge_cls").setLevel(logging.DEBUG if environ.get("EDGE_CLS_DEBUG") == "1" else level)


def is_journal(environ: Mapping[str, str]) -> bool:
    """Return whether stderr is the journal that systemd names in JOURNAL_STREAM; a child may have another stderr."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # it is closed, or no file at all
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def error_prefix(environ: Mapping[str, str]) -> str:
    """Return what a line on stderr begins with that is an error: the journal takes its level from there."""
    return "<3>" if is_journal(environ) else ""


class _Plain(logging.Formatter):
    """One line without escape codes: labels, file names and messages of libraries come from anywhere."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the trace of an exception."""
        line = one_line(f"{record.levelname.lower()}: {record.getMessage()}")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: a live view puts its own in place, to write above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self.stream = sys.stderr
        super().emit(record)


class JournalHandler(logging.Handler):
    """Sends records to the journal at the socket `address`, in its own protocol. What it does not take is on stderr.

    See https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        """Send `record`; the address is looked up each time, for the journal may start anew."""
        try:
            self._send(record, self.format(record))
        except Exception:  # noqa: BLE001 - as logging's own handlers: what cannot be told ends nobody's work
            self.handleError(record)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()

    def _send(self, record: logging.LogRecord, message: str) -> None:
        try:
            self._socket.sendto(_datagram(record, message[:_MESSAGE_LIMIT]), self._address)
        except OSError:
            # The journal reads stderr too, and knows its priority by this prefix.
            print(f"<{_priority(record)}>{one_line(message)}", file=sys.stderr)  # noqa: T201 - the last resort


def _priority(record: logging.LogRecord) -> int:
    """Return the level as syslog counts it."""
    for level, priority in ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)):
        if record.levelno >= level:
            return priority
    return 7


def _datagram(record: logging.LogRecord, message: str) -> bytes:
    fields: dict[str, object] = {
        "MESSAGE": message,
        "PRIORITY": _priority(record),
        "SYSLOG_IDENTIFIER": "edge-cls",
        "LOGGER": record.name,
        "THREAD": record.threadName,
        "CODE_FILE": record.pathname,
        "CODE_LINE": record.lineno,
        "CODE_FUNC": record.funcName,
    }
    fields |= {name: value for name, value in vars(record).items() if name.startswith(FIELD_PREFIX)}
    return b"".join(_field(name, str(value).encode(errors="backslashreplace")) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    """Return one field: the name, the number of bytes as 64 bits, the bytes, so that they may hold new lines."""
    return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
