"""Buttons and keys: the command of each one, and how the edges of its contact become commands."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_cls.errors import ConfigError
from edge_cls.panels.debounce import Debouncer, Press, Release, Repeat
from edge_cls.runtime.messages import Action
from edge_cls.runtime.ports import CapturedFrame, Command


@dataclass(frozen=True)
class Button:
    """A button or key and its command. `contact` is the BCM number of its pin, or the name of its key.

    `label` is the class that the actions "teach" and "forget" are about.
    """

    contact: int | str
    label: str | None = None
    action: Action = "teach"

    @property
    def teaches(self) -> bool:
        """Whether a press takes a frame, and repeats its command while the button is held."""
        return self.action in ("teach", "background")


@dataclass(eq=False)
class _Switch:
    button: Button
    contact: Debouncer
    frames: dict[float, CapturedFrame | None] = field(default_factory=dict)
    """The frames at the edges that may turn out to be presses, by the time of the edge."""


class Buttons:
    """Turns the edges of `buttons` into commands.

    `snapshot` returns the current frame, and `submit` takes the commands. `origin` is the first word of their origin:
    "button" makes it "button 5". `edge` may be called from any thread, `advance` from one.
    """

    def __init__(
        self,
        buttons: Sequence[Button],
        *,
        debounce_s: float,
        hold_s: float,
        repeat_s: float,
        origin: str,
        snapshot: Callable[[], CapturedFrame | None],
        submit: Callable[[Command], None],
    ) -> None:
        self._debounce_s = debounce_s
        self._origin = origin
        self._snapshot = snapshot
        self._submit = submit
        self._lock = threading.Lock()
        self._switches = {
            button.contact: _Switch(
                button,
                Debouncer(debounce_s=debounce_s, hold_s=hold_s if button.teaches else math.inf, repeat_s=repeat_s),
            )
            for button in buttons
        }

    def edge(self, contact: int | str, down: bool, at: float) -> None:
        """Record an edge, and the current frame if the edge may be a press. Edges of other contacts are ignored."""
        switch = self._switches.get(contact)
        if switch is None:
            return
        # The frame is taken under the lock, so that `advance` cannot handle the press before its frame is there.
        with self._lock:
            if switch.contact.edge(down, at) and switch.button.teaches:
                switch.frames[at] = self._snapshot()

    def due(self) -> float:
        """Return when `advance` will have something to do; infinite if it will not before the next edge."""
        with self._lock:
            return min((switch.contact.due() for switch in self._switches.values()), default=math.inf)

    def advance(self, now: float) -> None:
        """Submit the commands of all presses and repetitions up to `now`, in the order of time."""
        pressed: list[tuple[Press | Repeat, Button, CapturedFrame | None]] = []
        with self._lock:
            for switch in self._switches.values():
                pressed += (
                    (change, switch.button, switch.frames.get(change.at))
                    for change in switch.contact.advance(now)
                    if not isinstance(change, Release)
                )
                # The frames of edges that are not debounced yet are kept.
                switch.frames = {at: one for at, one in switch.frames.items() if now < at + self._debounce_s}
        for change, button, frame in sorted(pressed, key=lambda one: one[0].at):
            held = isinstance(change, Repeat)
            origin = f"{self._origin} {button.contact}"
            current = self._snapshot() if held else frame
            self._submit(Command(button.action, change.at, origin, button.label, current, held))


def check_contacts(buttons: Sequence[Button]) -> None:
    """Raise ConfigError if two buttons have the same contact."""
    contacts = [button.contact for button in buttons]
    for contact in contacts:
        if contacts.count(contact) > 1:
            raise ConfigError(f"two buttons are given for {contact}", hint="give each button a contact of its own")
