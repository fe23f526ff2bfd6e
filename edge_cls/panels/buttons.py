"""Buttons, keys alike: what each one wants, and how its edges become wishes."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edge_cls.errors import ConfigError
from edge_cls.panels.debounce import Debouncer, Press, Release, Repeat
from edge_cls.runtime.ports import CapturedFrame, Command, CommandResult


@dataclass(frozen=True)
class Button:
    """A button and what it is for. `contact` is the BCM number of its pin, or the name of its key.

    "teach" teaches `label`, "forget" forgets it.
    """

    contact: int | str
    label: str | None = None
    action: Literal["teach", "undo", "forget", "background"] = "teach"

    @property
    def teaches(self) -> bool:
        """Whether it takes a frame, and goes on taking them while it is held."""
        return self.action in ("teach", "background")


@dataclass(eq=False)
class _Switch:
    button: Button
    contact: Debouncer
    frames: dict[float, CapturedFrame | None] = field(default_factory=dict)  # by the moment of what may be a press


class Buttons:
    """Turns the edges of `buttons` into commands.

    `snapshot` returns the current frame, `submit` takes the commands, and `show` takes the results that are known at
    once: accepted, or refused because there is no frame. `edge` may be called from any thread, `advance` from one.
    """

    def __init__(
        self,
        buttons: Sequence[Button],
        *,
        debounce_s: float,
        hold_s: float,
        repeat_s: float,
        snapshot: Callable[[], CapturedFrame | None],
        submit: Callable[[Command], None],
        show: Callable[[CommandResult], None],
    ) -> None:
        self._debounce_s = debounce_s
        self._snapshot = snapshot
        self._submit = submit
        self._show = show
        self._lock = threading.Lock()
        self._switches = {
            button.contact: _Switch(
                button,
                Debouncer(debounce_s=debounce_s, hold_s=hold_s if button.teaches else math.inf, repeat_s=repeat_s),
            )
            for button in buttons
        }

    def edge(self, contact: int | str, down: bool, at: float) -> None:
        """Take note of an edge, and of the frame where it may be the moment of a press. Strange ones are ignored."""
        switch = self._switches.get(contact)
        if switch is None:
            return
        # The frame is taken under the lock, so that nobody takes up the press before it is there.
        with self._lock:
            if switch.contact.edge(down, at) and switch.button.teaches:
                switch.frames[at] = self._snapshot()

    def due(self) -> float:
        """Return when `advance` will have something to do; infinite where that takes another edge."""
        with self._lock:
            return min((switch.contact.due() for switch in self._switches.values()), default=math.inf)

    def advance(self, now: float) -> None:
        """Ask for what was wanted up to `now`, in the order of time."""
        wanted: list[tuple[Press | Repeat, Button, CapturedFrame | None]] = []
        with self._lock:
            for switch in self._switches.values():
                wanted += (
                    (told, switch.button, switch.frames.get(told.at))
                    for told in switch.contact.advance(now)
                    if not isinstance(told, Release)
                )
                # What is not settled yet stays.
                switch.frames = {at: one for at, one in switch.frames.items() if now < at + self._debounce_s}
        for told, button, frame in sorted(wanted, key=lambda one: one[0].at):
            if isinstance(told, Repeat):
                frame = self._snapshot()
            self._want(button, told.at, frame, held=isinstance(told, Repeat))

    def _want(self, button: Button, at: float, frame: CapturedFrame | None, *, held: bool) -> None:
        if button.teaches and frame is None:
            self._show(CommandResult("refused", button.label, "the camera gives no frame"))
            return
        self._show(CommandResult("accepted", button.label))
        self._submit(Command(button.action, at, button.label, frame, held))


def check_contacts(buttons: Sequence[Button]) -> None:
    """Raise ConfigError where two buttons have one contact."""
    contacts = [button.contact for button in buttons]
    for contact in contacts:
        if contacts.count(contact) > 1:
            raise ConfigError(f"two buttons are given for {contact}", hint="give each button a contact of its own")
