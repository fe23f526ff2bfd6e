"""Panels with fingers on them: a button for mug, one that undoes, one for the background; all hang on a fake clock.

A panel that waits for the clock looks at it again after as many real seconds, so times are short. They are sums of
powers of two, so that nothing is rounded.
"""

from __future__ import annotations

import os
import pty
import queue
import struct
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import gpiozero
import numpy as np
from gpiozero.pins.mock import MockPin

from edge_cls.panels.buttons import Button
from edge_cls.panels.gpio import GpioPanel
from edge_cls.panels.keyboard import KeyboardPanel
from edge_cls.panels.keys import Edge, Keypad, Keys, Terminal
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Panel
from edge_cls.testing import FakeClock, FakePanel

PATIENCE = 30.0
PINS = {"mug": 17, "undo": 27, "background": 22}
LED = 5
TERMINAL_KEYS = {"mug": "m", "undo": "backspace", "background": "ä"}
TYPED = {"mug": "m", "undo": "\x7f", "background": "ä", "stray": "x\x1b[A\x1bOm\x1b[15~\x1bm\x1b"}
KEYPAD_KEYS = {"mug": "m", "undo": "backspace", "background": "1"}
CODES = {"mug": 50, "undo": 14, "background": 79}


class Camera:
    """Its frames are numbered. In the dark it gives none."""

    def __init__(self) -> None:
        self.number = 0
        self.dark = False

    def snapshot(self) -> CapturedFrame | None:
        self.number += 1
        return (
            None
            if self.dark
            else CapturedFrame(FrameInfo(self.number, 0.0, 0.0, "fake"), np.zeros((2, 2, 3), np.uint8))
        )


class Rig(Protocol):
    clock: FakeClock
    hold_s: float
    repeat_s: float

    @property
    def panel(self) -> Panel: ...

    def down(self, what: str) -> None:
        """Put a finger on a button. When this returns, the panel has taken the moment."""

    def up(self, what: str) -> None:
        """Take it away, and let time pass until the panel may know."""

    def keep(self, what: str, seconds: float) -> None:
        """Leave it there for so long."""

    def stray(self) -> None:
        """Touch what is no button."""

    def close(self) -> None:
        """Clear away what is not the panel's."""


class FakeRig:
    hold_s, repeat_s = 0.5, 0.25

    def __init__(self, _: Path) -> None:
        self.clock = FakeClock()
        self.panel = FakePanel(clock=self.clock)

    def down(self, what: str) -> None:
        self._press(what, held=False)

    def up(self, what: str) -> None:
        pass

    def keep(self, what: str, seconds: float) -> None:
        self.clock.sleep(seconds)
        self._press(what, held=True)

    def stray(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _press(self, what: str, *, held: bool) -> None:
        if what == "undo":
            self.panel.press(action="undo")
        elif what == "background":
            self.panel.press(action="background", held=held)
        else:
            self.panel.press(what, held=held)


class ToldPin(MockPin):  # type: ignore[misc] # gpiozero is untyped
    """A mock pin whose changes can be waited for."""

    def __init__(self, *arguments: object) -> None:
        self.changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        super().__init__(*arguments)

    def _change_state(self, value: bool) -> bool:
        changed: bool = super()._change_state(value)
        if changed:
            self.changes.put(value)
        return changed


class PinRig:
    """Needs gpiozero's mock pins."""

    debounce_s, hold_s, repeat_s = 1 / 64, 1 / 16, 1 / 32

    def __init__(self, _: Path | None = None, *, pull_up: bool = True) -> None:
        self.clock = FakeClock()
        self._pull_up = pull_up
        self.panel = GpioPanel(
            buttons(PINS),
            feedback_led=LED,
            pull_up=pull_up,
            debounce_s=self.debounce_s,
            hold_s=self.hold_s,
            repeat_s=self.repeat_s,
            clock=self.clock,
        )

    def pin(self, number: int) -> ToldPin:
        pin: ToldPin = gpiozero.Device.pin_factory.pin(number)
        return pin

    def contact(self, what: str, down: bool) -> None:
        """Close or open a contact, without the time that it takes to be believed."""
        pin = self.pin(PINS[what])
        if down == self._pull_up:
            pin.drive_low()
        else:
            pin.drive_high()

    def down(self, what: str) -> None:
        self.contact(what, True)
        self.clock.sleep(self.debounce_s)

    def up(self, what: str) -> None:
        self.contact(what, False)
        self.clock.sleep(self.debounce_s)

    def keep(self, what: str, seconds: float) -> None:
        del what
        self.clock.sleep(seconds)

    def stray(self) -> None:
        self.pin(6).drive_high()
        self.pin(6).drive_low()

    def close(self) -> None:
        pass


class Watched:
    """Keys that tell when they were read, so that the clock need not move before."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.seen: queue.SimpleQueue[list[Edge]] = queue.SimpleQueue()
        self.fileno, self.due, self.advance, self.close = keys.fileno, keys.due, keys.advance, keys.close

    def read(self, now: float) -> list[Edge]:
        edges = self._keys.read(now)
        self.seen.put(edges)
        return edges


class KeyRig:
    """What the terminal and the keypad have in common."""

    hold_s, repeat_s = 1 / 2, 1 / 4

    def __init__(self, names: dict[str, str], keys: Keys) -> None:
        self.clock = FakeClock()
        self.keys = Watched(keys)
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.panel = KeyboardPanel(
            buttons(names),
            self.keys,
            tell=self.lines.put,
            hold_s=self.hold_s,
            repeat_s=self.repeat_s,
            clock=self.clock,
        )


class TerminalRig(KeyRig):
    """Types into a real pseudo-terminal. What is held is typed again and again."""

    def __init__(self, _: Path | None = None) -> None:
        self.master, self.terminal = pty.openpty()
        super().__init__(TERMINAL_KEYS, Terminal(self.terminal))

    def write(self, text: str) -> None:
        os.write(self.master, text.encode())
        self.keys.seen.get(timeout=PATIENCE)

    def down(self, what: str) -> None:
        self.write(TYPED[what])

    def up(self, what: str) -> None:
        del what
        self.clock.sleep(0.25)

    def keep(self, what: str, seconds: float) -> None:
        for _ in range(round(seconds * 8)):
            self.clock.sleep(1 / 8)
            self.down(what)

    def stray(self) -> None:
        self.down("stray")

    def close(self) -> None:
        for fd in (self.master, self.terminal):
            with suppress(OSError):
                os.close(fd)


class KeypadRig(KeyRig):
    """Writes the kernel's events into a pipe with a name, as if it were the device."""

    hold_s, repeat_s = 1 / 16, 1 / 32

    def __init__(self, folder: Path) -> None:
        self.path = folder / "event0"
        os.mkfifo(self.path)
        keypad = Keypad(self.path)
        self.plug_in()
        super().__init__(KEYPAD_KEYS, keypad)

    def plug_in(self) -> None:
        self.device = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)

    def unplug(self) -> None:
        os.close(self.device)

    def send(self, *events: tuple[int, int, int]) -> None:
        os.write(self.device, b"".join(struct.pack("llHHi", 1, 2, *event) for event in events))

    def write(self, *events: tuple[int, int, int]) -> None:
        self.send(*events)
        self.keys.seen.get(timeout=PATIENCE)

    def down(self, what: str) -> None:
        # As a keyboard does: a scan code, the key, the end of the report.
        self.write((4, 4, 458768), (1, CODES[what], 1), (0, 0, 0))

    def up(self, what: str) -> None:
        self.write((1, CODES[what], 0), (0, 0, 0))

    def keep(self, what: str, seconds: float) -> None:
        self.clock.sleep(seconds)
        # The kernel's own repetition says nothing new.
        self.write((1, CODES[what], 2), (0, 0, 1))

    def stray(self) -> None:
        self.write((1, 30, 1), (1, 30, 0), (1, 113, 1), (1, 113, 0), (2, 0, -5), (0, 0, 0))

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.device)


def buttons(contacts: dict[str, int] | dict[str, str]) -> list[Button]:
    return [
        Button(contacts["mug"], "mug"),
        Button(contacts["undo"], action="undo"),
        Button(contacts["background"], action="background"),
    ]
