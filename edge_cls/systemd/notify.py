"""Notifications to systemd: readiness, status line and watchdog, by the protocol of sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from edge_cls.errors import one_line
from edge_cls.runtime.ports import Clock

_log = logging.getLogger(__name__)

_DEFAULT_WATCHDOG_S = 30.0
"""Watchdog interval in seconds if the unit sets none; it then only spaces the notifications."""
_STATUS_LIMIT = 1000
"""Longest status line in characters, of four bytes at most: systemd ignores a message of more than 4096 bytes."""


class Notifier:
    """Notifies the service manager at the socket `address`, or no one if that is None.

    `watchdog_s` is the time in seconds after which the manager restarts a service that has not notified its watchdog.
    A notification waits up to `send_timeout_s` seconds for room in the manager's queue. If it cannot be sent, the work
    goes on: the first of several failures in a row is logged, and READY and STATUS are sent again with the next
    `watchdog`. All methods must be called by the same thread.
    """

    def __init__(
        self,
        address: str | None,
        *,
        watchdog_s: float = _DEFAULT_WATCHDOG_S,
        send_timeout_s: float = 1.0,
        clock: Clock,
    ) -> None:
        self._address = address and (f"\0{address[1:]}" if address.startswith("@") else address)
        self._watchdog_s = watchdog_s
        self._send_timeout_s = send_timeout_s
        self._clock = clock
        self._started = False
        self._status = ""
        self._unsent: dict[str, str] = {}
        self._reachable = True
        self._next_notification = clock.monotonic()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, clock: Clock) -> Notifier:
        """Return the notifier for systemd's variables NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "") if mine else ""
        watchdog_s = int(usec) / 1e6 if usec.isdecimal() and int(usec) else _DEFAULT_WATCHDOG_S
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_s=watchdog_s, clock=clock)

    def ready(self) -> None:
        """Report that the service has started, or that a reload has ended."""
        self._started = True
        self._publish("READY", "1")

    def status(self, text: str) -> None:
        """Publish a status line. It is cut after 1000 characters, and sent only if it differs from the last one."""
        line = one_line(text)
        if len(line) > _STATUS_LIMIT:
            line = f"{line[: _STATUS_LIMIT - 3]}..."
        if line != self._status:
            self._status = line
            self._publish("STATUS", line)

    def watchdog(self) -> None:
        """Notify the watchdog; at most four notifications are sent in `watchdog_s`. Call it at every progress.

        Before `ready` it extends the start timeout by `watchdog_s` instead, because systemd does not watch more before.
        """
        now = self._clock.monotonic()
        if now < self._next_notification:
            return
        self._next_notification = now + self._watchdog_s / 4
        message = "WATCHDOG=1" if self._started else f"EXTEND_TIMEOUT_USEC={round(self._watchdog_s * 1e6)}"
        if self._send("\n".join([*self._unsent.values(), message])):
            self._unsent.clear()

    def reloading(self) -> None:
        """Report that a reload has begun. Call `ready` when it has ended, whether or not it succeeded."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={round(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._send("STOPPING=1")

    def _publish(self, name: str, value: str) -> None:
        """Send a variable that must not be lost: if it cannot be sent now, `watchdog` sends it later."""
        # Not at once, because each attempt waits while systemd's queue is full.
        message = f"{name}={value}"
        self._unsent.pop(name, None)
        if not self._send(message):
            self._unsent[name] = message

    def _send(self, message: str) -> bool:
        """Return whether `message` was sent. Without an address there is nothing to send, which also counts as sent."""
        if self._address is None:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.settimeout(self._send_timeout_s)
                out.connect(self._address)
                out.send(message.encode())
        except OSError as error:
            _log.log(
                logging.WARNING if self._reachable else logging.DEBUG,
                "systemd could not be notified of %r: %s",
                message,
                error,
            )
            self._reachable = False
            return False
        self._reachable = True
        return True
