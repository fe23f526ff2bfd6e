"""Keys that teach, and lines that say what became of it."""

from __future__ import annotations

import math
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from edge_cls.errors import ConfigError, one_line
from edge_cls.panels.buttons import Button, Buttons, check_contacts
from edge_cls.panels.key_names import check_key
from edge_cls.panels.keys import Keys
from edge_cls.runtime.ports import CapturedFrame, Clock, Command, CommandResult


class KeyboardPanel:
    """The `buttons` are keys of a terminal or keypad. `tell` takes a line a feedback, in the panel's own thread.

    Held for `hold_s`, a key that teaches goes on every `repeat_s`. `keys` is closed with the panel, and where this
    raises ConfigError: for a key that does not exist, or that is used twice.
    """

    def __init__(
        self,
        buttons: Sequence[Button],
        keys: Keys,
        *,
        tell: Callable[[str], None],
        hold_s: float = 0.8,
        repeat_s: float = 0.3,
        clock: Clock,
    ) -> None:
        try:
            self._buttons = [replace(button, contact=check_key(str(button.contact))) for button in buttons]
            check_contacts(self._buttons)
        except ConfigError:
            keys.close()
            raise
        self._keys = keys
        self._tell = tell
        self._times = {"debounce_s": 0.0, "hold_s": hold_s, "repeat_s": repeat_s}  # keyboards debounce themselves
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._news: deque[CommandResult] = deque()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen."""
        buttons = Buttons(self._buttons, **self._times, snapshot=snapshot, submit=submit, show=self.show)
        self._thread = threading.Thread(target=self._attend, args=[buttons], name="panel", daemon=True)
        self._thread.start()

    def show(self, result: CommandResult) -> None:
        """Tell what became of a wish. Returns at once."""
        self._news.append(result)
        # One that is full wakes as well, and a closed panel tells no more.
        with suppress(OSError):
            self._wake.send(b"\0")

    def close(self) -> None:
        """Let go of the keys. Closing twice is safe."""
        self._closing.set()
        with suppress(OSError):
            self._wake.send(b"\0")
        if self._thread is not None:
            self._thread.join()
        self._wake.close()
        self._woken.close()
        self._keys.close()

    def _attend(self, buttons: Buttons) -> None:
        while not self._closing.is_set():
            now = self._clock.monotonic()
            self._take(self._keys.advance(now), buttons, now)
            while self._news:
                self._tell(line(self._news.popleft()))
            due = min(self._keys.due(), buttons.due())
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if self._keys.fileno() >= 0:
                poll.register(self._keys.fileno(), select.POLLIN)
            ready = dict(poll.poll(None if due == math.inf else 1000 * max(0.0, due - self._clock.monotonic())))
            if ready.pop(self._woken.fileno(), 0):
                self._woken.recv(4096)
            if ready:
                now = self._clock.monotonic()
                self._take(self._keys.read(now), buttons, now)

    def _take(self, edges: list[tuple[str, bool]], buttons: Buttons, now: float) -> None:
        for key, down in edges:
            buttons.edge(key, down, now)
        buttons.advance(now)


def line(result: CommandResult) -> str:
    """Return `result` as a line for a person.

    >>> line(Feedback("duplicate", "mug", "the same as example 3"))
    'mug: duplicate, the same as example 3'
    """
    told = f"{result.label}: {result.kind}" if result.label else result.kind
    return one_line(f"{told}, {result.detail}" if result.detail else told)
