"""Telling systemd how the service is: sd_notify(3), in the few lines that it takes."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from edge_cls.errors import one_line
from edge_cls.runtime.ports import Clock

_log = logging.getLogger(__name__)

_DEFAULT_WATCHDOG_S = 30.0
_SEND_TIMEOUT_S = 1.0
_STATUS_LIMIT = 1000
"""In characters, of four bytes at most: systemd ignores a message of over 4096 bytes."""


class Notifier:
    """Tells the service manager at `address` how the service is. Silent where that is None.

    A message that cannot be sent is a line in the log, the first of several in a row, and hurts nothing else: that it
    is ready, and its status, are told with the next sign of life. All methods are for one thread. `watchdog_s`: for
    how long the manager waits for such a sign.
    """

    def __init__(self, address: str | None, *, watchdog_s: float = _DEFAULT_WATCHDOG_S, clock: Clock) -> None:
        self._address = address and (f"\0{address[1:]}" if address.startswith("@") else address)
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._started = False
        self._status = ""
        self._owed: dict[str, str] = {}
        self._heard = True
        self._next_beat = clock.monotonic()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, clock: Clock) -> Notifier:
        """Return the notifier that systemd's variables ask for."""
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "") if mine else ""
        watchdog_s = int(usec) / 1e6 if usec.isdecimal() and int(usec) else _DEFAULT_WATCHDOG_S
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_s=watchdog_s, clock=clock)

    def ready(self) -> None:
        """Say that the service has started, or that what `reloading` announced is done."""
        self._started = True
        self._tell("READY", "1")

    def status(self, text: str) -> None:
        """Say in one line how the service is, of a long one the beginning. The same line is told once."""
        line = one_line(text)
        if len(line) > _STATUS_LIMIT:
            line = f"{line[: _STATUS_LIMIT - 3]}..."
        if line != self._status:
            self._status = line
            self._tell("STATUS", line)

    def watchdog(self) -> None:
        """Give a sign of life. Call it at every progress: it is sent four times in `watchdog_s` at most.

        Before `ready` it asks for as much more time to start in, for that is all that systemd watches until then.
        """
        now = self._clock.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + self._watchdog_s / 4
        sign = "WATCHDOG=1" if self._started else f"EXTEND_TIMEOUT_USEC={round(self._watchdog_s * 1e6)}"
        if self._send("\n".join([*self._owed.values(), sign])):
            self._owed.clear()

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` says that this is over, however it went."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={round(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def _tell(self, name: str, value: str) -> None:
        """Send what must not get lost; it is owed where it could not be sent."""
        # A queue that is full holds up each attempt: the next one is that of the watchdog.
        message = f"{name}={value}"
        self._owed.pop(name, None)
        if not self._send(message):
            self._owed[name] = message

    def _send(self, message: str) -> bool:
        """Return whether `message` was sent, or nobody wants it."""
        if self._address is None:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.settimeout(_SEND_TIMEOUT_S)
                out.connect(self._address)
                out.send(message.encode())
        except OSError as error:
            _log.log(logging.WARNING if self._heard else logging.DEBUG, "systemd was not told %r: %s", message, error)
            self._heard = False
            return False
        self._heard = True
        return True
