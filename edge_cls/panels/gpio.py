"""Buttons and a light at the pins of a Raspberry Pi."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from edge_cls.hardware.gpio import claim_input, claim_output
from edge_cls.panels.buttons import Button, Buttons, check_contacts
from edge_cls.panels.feedback_light import Light
from edge_cls.runtime.ports import CapturedFrame, Clock, Command, CommandResult


class GpioPanel:
    """The buttons at BCM pins, and the light at the pin `feedback_led`, which shows the patterns of `panels.light`.

    `pull_up`: the buttons connect their pins to ground, otherwise to 3.3 V. A press is what stays closed for
    `debounce_s`; held for `hold_s`, a button that teaches goes on every `repeat_s`. Raises as `gpio.claim_input` does.
    """

    def __init__(
        self,
        buttons: Sequence[Button],
        *,
        feedback_led: int | None = None,
        pull_up: bool = True,
        debounce_s: float = 0.02,
        hold_s: float = 0.8,
        repeat_s: float = 0.3,
        clock: Clock,
    ) -> None:
        check_contacts(buttons)
        self._buttons = buttons
        self._times = {"debounce_s": debounce_s, "hold_s": hold_s, "repeat_s": repeat_s}
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._news: queue.SimpleQueue[CommandResult | None] = queue.SimpleQueue()  # None: an edge, or the end
        with ExitStack() as pins:
            self._inputs = [pins.enter_context(claim_input(button.contact, pull_up=pull_up)) for button in buttons]
            self._light = Light(lambda _: None)
            if feedback_led is not None:
                led = pins.enter_context(claim_output(feedback_led))
                self._light = Light(lambda lit: led.on() if lit else led.off())
            self._pins = pins.pop_all()

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen. A button that is held already counts from its next press on."""
        buttons = Buttons(self._buttons, **self._times, snapshot=snapshot, submit=submit, show=self.show)

        def edge(contact: int | str, down: bool) -> None:
            buttons.edge(contact, down, self._clock.monotonic())
            self._news.put(None)

        for button, device in zip(self._buttons, self._inputs, strict=True):
            device.when_activated = partial(edge, button.contact, True)
            device.when_deactivated = partial(edge, button.contact, False)
        self._thread = threading.Thread(target=self._attend, args=[buttons], name="panel", daemon=True)
        self._thread.start()

    def show(self, result: CommandResult) -> None:
        """Show what became of a wish. Returns at once."""
        self._news.put(result)

    def close(self) -> None:
        """Let go of the pins; the light is off. Closing twice is safe."""
        self._closing.set()
        self._news.put(None)
        if self._thread is not None:
            self._thread.join()
        self._pins.close()

    def _attend(self, buttons: Buttons) -> None:
        while not self._closing.is_set():
            now = self._clock.monotonic()
            buttons.advance(now)
            self._light.advance(now)
            due = min(buttons.due(), self._light.due())
            try:
                result = self._news.get(timeout=None if due == math.inf else max(0.0, due - self._clock.monotonic()))
            except queue.Empty:
                continue
            if result is not None:
                self._light.play(result, self._clock.monotonic())
