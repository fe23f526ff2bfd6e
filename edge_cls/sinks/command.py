"""Runs a program for each event."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Sequence

from edge_cls.errors import OutputError, one_line
from edge_cls.runtime.messages import Event, Message
from edge_cls.runtime.ports import Clock

_log = logging.getLogger(__name__)
_TAIL = 4096
"""Bytes of a program's output that are kept for the log: the last ones. The output may be gigabytes."""


class CommandHook:
    """Runs the program `argv` for each event, without a shell, and waits until it and its output have ended.

    In the arguments after the first, `{kind}`, `{label}`, `{previous}`, `{score}`, `{known}` and `{timestamp}` are
    replaced; other braces are kept. If nothing known is seen, the label is empty. The environment has the same values,
    as `EDGE_CLS_EVENT_KIND` and so on. If a label begins with `-`, an argument that begins with the label would be
    taken for an option: the program is not run, unless `--` precedes the argument. To avoid this, write
    `--label={label}`, or read the environment.

    After `timeout_s` seconds the program is killed, with its whole process group. Raises OutputError if the program
    cannot be started, is killed, or ends with a status other than 0.
    """

    wants = (Event,)

    def __init__(self, argv: Sequence[str], timeout_s: float, *, clock: Clock = time) -> None:
        self._argv = tuple(argv)
        self._timeout_s = timeout_s
        self._clock = clock

    def publish(self, message: Message) -> None:
        """Run the program if `message` is an event."""
        if not isinstance(message, Event):
            return
        values = _values(message)
        arguments = self._arguments(values)
        variables = {f"EDGE_CLS_EVENT_{name.upper()}": value for name, value in values.items()}
        try:
            process = subprocess.Popen(  # noqa: S603 - the owner's own program, and no shell
                [self._argv[0], *map(_encoded, arguments)],
                env={**os.environb, **{name.encode(): _encoded(value) for name, value in variables.items()}},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise OutputError(
                f"{self._argv[0]} cannot be started ({error.strerror})",
                hint="check the path, that the file may be executed, and its first line if it is a script",
            ) from error
        with process:
            self._finish(process)

    def close(self) -> None:
        """Do nothing: no program is running between two events."""

    def _arguments(self, values: dict[str, str]) -> list[str]:
        arguments: list[str] = []
        for pattern in self._argv[1:]:
            argument = re.sub(rf"\{{({'|'.join(values)})\}}", lambda found: values[found[1]], pattern)
            if argument.startswith("-") and not pattern.startswith("-") and "--" not in arguments:
                raise OutputError(
                    f"{self._argv[0]} was not run: it would take the label in {argument!r} for an option",
                    hint='put "--" before it in argv, or let the program read EDGE_CLS_EVENT_LABEL',
                )
            arguments.append(argument)
        return arguments

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for `process`, and kill it after the timeout. Raises OutputError as the class says."""
        deadline = self._clock.monotonic() + self._timeout_s
        try:
            last = one_line(_last_line(self._read(process, deadline)))
            status = process.wait(max(0.0, deadline - self._clock.monotonic()))
        except subprocess.TimeoutExpired:
            raise OutputError(
                f"{self._argv[0]} did not end within {self._timeout_s:g} s and was killed",
                hint="make the program faster, or raise timeout_s",
            ) from None
        finally:
            # The program was not waited for yet, so its process id cannot belong to another program.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        _log.debug("%s ended with status %d: %s", self._argv[0], status, last)
        if status:
            ended = f"status {status}" if status > 0 else f"signal {-status}"
            raise OutputError(
                f"{self._argv[0]} ended with {ended}{f' ({last})' if last else ''}",
                hint="run the program by hand to see why",
            )

    def _read(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        """Return the last bytes of the output, once all of it has come. Raises TimeoutExpired after `deadline`."""
        assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
        tail = b""
        while (left := deadline - self._clock.monotonic()) > 0 and select.select([process.stdout], [], [], left)[0]:
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return tail
            tail = (tail + chunk)[-_TAIL:]
        raise subprocess.TimeoutExpired(self._argv, self._timeout_s)


def _values(event: Event) -> dict[str, str]:
    return {
        "kind": event.transition.kind,
        "label": event.transition.label or "",
        "previous": event.transition.previous or "",
        "score": f"{event.transition.score:.6f}",
        "known": f"{event.transition.known:.6f}",
        "timestamp": f"{event.frame.timestamp:.6f}",
    }


def _encoded(text: str) -> bytes:
    """Return `text` as bytes for a program. NUL and lone surrogates, which no argument can contain, are replaced."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace")


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
