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


class Notifier:
    """Tells the service manager at `address` how the service is. Silent where that is None.

    A message that cannot be sent is a line in the log, and hurts nothing else. All methods are for one thread.
    `watchdog_s`: for how long the manager waits for a sign of life.
    """

    def __init__(self, address: str | None, *, watchdog_s: float = _DEFAULT_WATCHDOG_S, clock: Clock) -> None:
        self._address = address and (f"\0{address[1:]}" if address.startswith("@") else address)
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._started = False
        self._told = ""
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
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Say in one line how the service is. The same line is told once."""
        line = one_line(text)
        if line != self._told:
            self._told = line
            self._send(f"STATUS={line}")

    def watchdog(self) -> None:
        """Give a sign of life. Call it at every progress: it is sent four times in `watchdog_s` at most.

        Before `ready` it asks for as much more time to start in, for that is all that systemd watches until then.
        """
        now = self._clock.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + self._watchdog_s / 4
        self._send("WATCHDOG=1" if self._started else f"EXTEND_TIMEOUT_USEC={round(self._watchdog_s * 1e6)}")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` says that this is over, however it went."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={round(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.settimeout(_SEND_TIMEOUT_S)
                out.connect(self._address)
                out.send(message.encode())
        except OSError as error:
            _log.debug("systemd was not told %r: %s", message, error)
