"""Buttons at the pins of a Raspberry Pi."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from edge_cls.hardware.gpio import claim_input
from edge_cls.panels.buttons import Button, Buttons, check_contacts
from edge_cls.panels.debounce import DEBOUNCE_S, HOLD_S, REPEAT_S
from edge_cls.runtime.ports import CapturedFrame, Clock, Command


class GpioButtons:
    """The `buttons` are contacts at BCM pins.

    `pull_up`: whether the buttons connect their pins to ground; otherwise they connect them to 3.3 V. A press is a
    contact that stays closed for `debounce_s` seconds. A button that teaches and is held for `hold_s` seconds repeats
    its command every `repeat_s`. Raises ConfigError if two buttons have the same pin, and as `gpio.claim_input` does.
    """

    def __init__(
        self,
        buttons: Sequence[Button],
        *,
        pull_up: bool = True,
        debounce_s: float = DEBOUNCE_S,
        hold_s: float = HOLD_S,
        repeat_s: float = REPEAT_S,
        clock: Clock,
    ) -> None:
        check_contacts(buttons)
        self._buttons = buttons
        self._times = {"debounce_s": debounce_s, "hold_s": hold_s, "repeat_s": repeat_s}
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._closing = False
        self._wake = threading.Event()
        with ExitStack() as pins:
            self._inputs = [pins.enter_context(claim_input(button.contact, pull_up=pull_up)) for button in buttons]
            self._pins = pins.pop_all()

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen. A button that is already held counts from its next press."""
        buttons = Buttons(self._buttons, **self._times, origin="button", snapshot=snapshot, submit=submit)

        def edge(contact: int | str, down: bool) -> None:
            buttons.edge(contact, down, self._clock.monotonic())
            self._wake.set()

        for button, device in zip(self._buttons, self._inputs, strict=True):
            device.when_activated = partial(edge, button.contact, True)
            device.when_deactivated = partial(edge, button.contact, False)
        self._thread = threading.Thread(target=self._listen, args=[buttons], name="buttons", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and release the pins. Closing twice is safe."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._pins.close()

    def _listen(self, buttons: Buttons) -> None:
        while True:
            self._wake.clear()
            # Checked after `clear`: a `close` that comes later sets `_wake` again.
            if self._closing:
                return
            buttons.advance(self._clock.monotonic())
            due = buttons.due()
            self._wake.wait(None if due == math.inf else max(0.0, due - self._clock.monotonic()))
