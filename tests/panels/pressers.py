"""Command sources with fingers on them: a button for mug, one that undoes, one for the background; on a fake clock.

A command source that waits for the clock looks at it again after as many real seconds, so times are short. They are
sums of powers of two, so that nothing is rounded.
"""

from __future__ import annotations

import os
import pty
import queue
import struct
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Protocol

import gpiozero
import numpy as np

from edge_cls.panels.buttons import Button
from edge_cls.panels.gpio import GpioButtons
from edge_cls.panels.keyboard import KeyboardButtons
from edge_cls.panels.keys import Edge, Keypad, Keys, Terminal
from edge_cls.runtime.messages import Action, FrameInfo
from edge_cls.runtime.ports import CapturedFrame, CommandSource
from edge_cls.testing import FakeClock, FakeCommandSource
from tests.pins import WatchedPin

PATIENCE = 30.0
PINS = {"mug": 17, "undo": 27, "background": 22}
TERMINAL_KEYS = {"mug": "m", "undo": "backspace", "background": "ä"}
TYPED = {"mug": "m", "undo": "\x7f", "background": "ä", "stray": "x\x1b[A\x1bOm\x1b[15~\x1bm\x1b"}
KEYPAD_KEYS = {"mug": "m", "undo": "backspace", "background": "1"}
CODES = {"mug": 50, "undo": 14, "background": 79}


class Camera:
    """Numbers its frames, and gives none if it is `dark`."""

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


class Presser(Protocol):
    """A command source, and the fingers that press its buttons."""

    origins: dict[str, str]
    """The origins of the commands, by button."""
    clock: FakeClock
    hold_s: float
    repeat_s: float

    @property
    def source(self) -> CommandSource: ...

    def down(self, what: str) -> None:
        """Press a button. When this returns, the source has recorded the moment and the frame."""

    def up(self, what: str) -> None:
        """Release the button, and move the clock on until the source has noticed."""

    def keep(self, what: str, seconds: float) -> None:
        """Hold the button for `seconds`."""

    def stray(self) -> None:
        """Press something that is not a button."""

    def close(self) -> None:
        """Release what the source does not own."""


class FakePresser:
    hold_s, repeat_s = 0.5, 0.25
    origins: ClassVar = {"mug": "button 17", "undo": "button 27", "background": "button 22"}

    def __init__(self, _: Path) -> None:
        self.clock = FakeClock()
        self.source = FakeCommandSource(clock=self.clock)

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
        action: Action = "undo" if what == "undo" else "background" if what == "background" else "teach"
        label = what if action == "teach" else None
        self.source.press(label, action=action, held=held and action != "undo", origin=self.origins[what])


class PinPresser:
    """Drives gpiozero's mock pins."""

    debounce_s, hold_s, repeat_s = 1 / 64, 1 / 16, 1 / 32
    origins: ClassVar = {name: f"button {pin}" for name, pin in PINS.items()}

    def __init__(self, _: Path | None = None, *, pull_up: bool = True) -> None:
        self.clock = FakeClock()
        self._pull_up = pull_up
        self.source = GpioButtons(
            buttons(PINS),
            pull_up=pull_up,
            debounce_s=self.debounce_s,
            hold_s=self.hold_s,
            repeat_s=self.repeat_s,
            clock=self.clock,
        )

    def pin(self, number: int) -> WatchedPin:
        pin: WatchedPin = gpiozero.Device.pin_factory.pin(number)
        return pin

    def contact(self, what: str, down: bool) -> None:
        """Close or open a contact, without waiting until it is debounced."""
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


class WatchedKeys:
    """Keys that report when they have been read, so that the clock is not moved before."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.seen: queue.SimpleQueue[list[Edge]] = queue.SimpleQueue()
        self.fileno, self.due, self.advance, self.close = keys.fileno, keys.due, keys.advance, keys.close

    def read(self, now: float) -> list[Edge]:
        edges = self._keys.read(now)
        self.seen.put(edges)
        return edges


class KeyPresser:
    """The common part of terminal and keypad."""

    hold_s, repeat_s = 1 / 2, 1 / 4

    def __init__(self, names: dict[str, str], keys: Keys) -> None:
        self.clock = FakeClock()
        self.keys = WatchedKeys(keys)
        self.origins = {what: f"key {name}" for what, name in names.items()}
        self.source = KeyboardButtons(
            buttons(names),
            self.keys,
            hold_s=self.hold_s,
            repeat_s=self.repeat_s,
            clock=self.clock,
        )


class TerminalPresser(KeyPresser):
    """Types into a real pseudo-terminal. A held key is typed repeatedly."""

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


class KeypadPresser(KeyPresser):
    """Writes the kernel's events into a named pipe that stands for the device."""

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
        # As a keyboard sends it: a scan code, the key, the end of the report.
        self.write((4, 4, 458768), (1, CODES[what], 1), (0, 0, 0))

    def up(self, what: str) -> None:
        self.write((1, CODES[what], 0), (0, 0, 0))

    def keep(self, what: str, seconds: float) -> None:
        self.clock.sleep(seconds)
        # The kernel's own repetition, which is ignored.
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


PRESSERS = (FakePresser, PinPresser, TerminalPresser, KeypadPresser)
"""Every kind; the fixture `presser` gives each in turn."""
