"""Keys of a keyboard that teach."""

from __future__ import annotations

import math
import select
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from edge_cls.errors import ConfigError
from edge_cls.panels.buttons import Button, Buttons, check_contacts
from edge_cls.panels.debounce import HOLD_S, REPEAT_S
from edge_cls.panels.key_names import check_key
from edge_cls.panels.keys import Keys
from edge_cls.runtime.ports import CapturedFrame, Clock, Command


class KeyboardButtons:
    """The `buttons` are keys of a terminal or keypad.

    A key that teaches and is held for `hold_s` seconds repeats its command every `repeat_s`. Closes `keys` when it is
    closed, and before it raises. Raises ConfigError for a key that does not exist or is used twice.
    """

    def __init__(
        self,
        buttons: Sequence[Button],
        keys: Keys,
        *,
        hold_s: float = HOLD_S,
        repeat_s: float = REPEAT_S,
        clock: Clock,
    ) -> None:
        try:
            self._buttons = [replace(button, contact=check_key(str(button.contact))) for button in buttons]
            check_contacts(self._buttons)
        except ConfigError:
            keys.close()
            raise
        self._keys = keys
        self._times = {"debounce_s": 0.0, "hold_s": hold_s, "repeat_s": repeat_s}  # keyboards debounce themselves
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._wake, self._woken = socket.socketpair()

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen."""
        buttons = Buttons(self._buttons, **self._times, origin="key", snapshot=snapshot, submit=submit)
        self._thread = threading.Thread(target=self._listen, args=[buttons], name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and release the keys. Closing twice is safe."""
        self._closing.set()
        with suppress(OSError):  # it is closed already
            self._wake.send(b"\0")
        if self._thread is not None:
            self._thread.join()
        self._wake.close()
        self._woken.close()
        self._keys.close()

    def _listen(self, buttons: Buttons) -> None:
        while not self._closing.is_set():
            now = self._clock.monotonic()
            self._handle(self._keys.advance(now), buttons, now)
            due = min(self._keys.due(), buttons.due())
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if self._keys.fileno() >= 0:
                poll.register(self._keys.fileno(), select.POLLIN)
            ready = dict(poll.poll(None if due == math.inf else 1000 * max(0.0, due - self._clock.monotonic())))
            ready.pop(self._woken.fileno(), None)
            if ready:
                now = self._clock.monotonic()
                self._handle(self._keys.read(now), buttons, now)

    def _handle(self, edges: list[tuple[str, bool]], buttons: Buttons, now: float) -> None:
        for key, down in edges:
            buttons.edge(key, down, now)
        buttons.advance(now)
