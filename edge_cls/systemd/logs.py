"""Set-up of logging: on stderr, with the level as a `<n>` prefix if stderr is systemd's journal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from edge_cls.errors import one_line


def set_up(environ: Mapping[str, str], *, level: int | None = None) -> None:
    """Log this process to stderr: our messages from WARNING on, or from INFO on if stderr is the journal.

    EDGE_CLS_DEBUG=1 in `environ` adds our DEBUG messages; `level`, if given, overrides all of this. Libraries log from
    WARNING on.
    """
    journal = is_journal(environ)
    handler = _Stderr()
    handler.setFormatter(_JournalLines() if journal else _TerminalLine())
    if level is None and environ.get("EDGE_CLS_DEBUG") == "1":
        level = logging.DEBUG
    elif level is None:
        level = logging.INFO if journal else logging.WARNING
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("edge_cls").setLevel(level)


def is_journal(environ: Mapping[str, str]) -> bool:
    """Return whether stderr is the stream that systemd names in JOURNAL_STREAM.

    The variable alone proves nothing: a child process inherits it even if its stderr was redirected.
    """
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # stderr is closed, or is not a file
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def error_prefix(environ: Mapping[str, str]) -> str:
    """Return the prefix of an error line on stderr: "<3>" if stderr is the journal, which reads the level from it."""
    return f"<{_priority(logging.ERROR)}>" if is_journal(environ) else ""


class _TerminalLine(logging.Formatter):
    """Formats a record as one line without control characters: labels, file names and messages may contain some."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, followed by the traceback if the record has one."""
        line = one_line(f"{record.levelname.lower()}: {record.getMessage()}")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JournalLines(logging.Formatter):
    """Formats a record as lines with a `<n>` prefix, from which the journal takes the level (sd-daemon(3)).

    The journal makes an entry of every line, so each line of a traceback has the prefix too.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the message on one line, followed by the traceback if the record has one."""
        lines = [one_line(record.getMessage())]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        return "\n".join(f"<{_priority(record.levelno)}>{line}" for line in lines)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to the current `sys.stderr`: a live view replaces it while it runs, to print above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the formatted record."""
        self.stream = sys.stderr
        super().emit(record)


def _priority(level: int) -> int:
    """Return a level of `logging` as syslog's priority."""
    for least, priority in ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)):
        if level >= least:
            return priority
    return 7
