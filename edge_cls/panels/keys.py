"""The edges of keys, from a terminal or from a keypad that is an input device of the kernel.

The name of a key is the lower-case character that it types, or one of `panels.key_names.NAMES`. The digits of a numeric
keypad have the names of those above the letters.
"""

from __future__ import annotations

import atexit
import codecs
import errno
import logging
import math
import os
import re
import stat
import struct
import termios
import tty
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from edge_cls.errors import PanelError

log = logging.getLogger(__name__)

STILL_HELD_S = 0.2
"""Seconds without a repetition after which a terminal's key counts as released.

After the initial delay, a held key repeats at least every 0.1 s (the Linux console: 10.9 times a second).
"""
REOPEN_S = 2.0
"""Seconds between two attempts to open a keypad that is not plugged in."""

_NAMED = {"\n": "enter", "\r": "enter", " ": "space", "\t": "tab", "\x7f": "backspace", "\b": "backspace"}
# Arrow and function keys send escape sequences, whose letters must not be taken for keys.
_SEQUENCE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|O.|.)?")

_EVENT = struct.Struct("llHHi")  # struct input_event: a time, the type, the code, the value
_EV_SYN, _EV_KEY, _SYN_DROPPED = 0, 1, 3
# Codes of linux/input-event-codes.h: a first code, and the names of that and the following ones. `_` has no name here.
_CODES = {
    code: name
    for first, names in (
        (1, "esc 1 2 3 4 5 6 7 8 9 0 - = backspace tab q w e r t y u i o p [ ] enter _ a s d f g h j k l ; '"),
        (43, "\\ z x c v b n m , . / _ * _ space"),
        (59, "f1 f2 f3 f4 f5 f6 f7 f8 f9 f10"),
        (71, "7 8 9 - 4 5 6 + 1 2 3 0 . _ _ _ f11 f12 _ _ _ _ _ _ _ enter _ /"),
    )
    for code, name in enumerate(names.split(), first)
    if name != "_"
}

Edge = tuple[str, bool]
"""The name of a key, and whether it was pressed (or released)."""


class Keys(Protocol):
    """A source of edges of keys. Times are seconds of any clock."""

    def fileno(self) -> int:
        """Return the file descriptor to poll; negative if there is none at present."""

    def read(self, now: float) -> list[Edge]:
        """Return the new edges. Call it when `fileno` is readable."""

    def due(self) -> float:
        """Return when `advance` will have something to do; infinite if it will not before another key."""

    def advance(self, now: float) -> list[Edge]:
        """Return the edges that are due to time alone."""

    def close(self) -> None:
        """Release the terminal or device. Closing twice is safe."""


class Terminal:
    """The keys typed into the terminal at the file descriptor `fd`, which does not echo them until `close`.

    A terminal reports no releases: a key counts as released if it was not repeated for STILL_HELD_S. The first
    repetition comes later than that, so it is a press of its own. Raises PanelError if `fd` is not a terminal.
    """

    def __init__(self, fd: int) -> None:
        try:
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd, termios.TCSADRAIN)
        except termios.error as error:
            hint = "run it in a terminal, or set a keypad, such as device = '/dev/input/by-id/usb-NAME-event-kbd'"
            raise PanelError("there is no terminal to read keys from", hint=hint) from error
        # If the process ends without closing, the shell must not be left without an echo.
        atexit.register(self._restore)
        self._terminal = fd
        self._fd = fd
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._down: dict[str, float] = {}  # the time of the latest repetition

    def fileno(self) -> int:
        """Return the file descriptor; -1 if the terminal is gone."""
        return self._fd

    def read(self, now: float) -> list[Edge]:
        """Return the edges of the typed keys, after the releases that are due."""
        try:
            typed = os.read(self._fd, 1024)
        except OSError:
            typed = b""
        if not typed:
            self._fd = -1
        text = _SEQUENCE.sub("", self._decoder.decode(typed))
        edges = self.advance(now)
        for character in text:
            key = _NAMED.get(character, character.lower())
            self._down[key] = now
            edges.append((key, True))
        return edges

    def due(self) -> float:
        """Return when the first of the pressed keys will count as released."""
        return min(self._down.values(), default=math.inf) + STILL_HELD_S

    def advance(self, now: float) -> list[Edge]:
        """Return the keys that count as released now."""
        released = [key for key, last in self._down.items() if last + STILL_HELD_S <= now]
        for key in released:
            del self._down[key]
        return [(key, False) for key in released]

    def close(self) -> None:
        """Restore the settings of the terminal. Closing twice is safe."""
        atexit.unregister(self._restore)
        self._restore()

    def _restore(self) -> None:
        self._fd = -1
        if self._before:
            # A terminal that is gone cannot be restored.
            with suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)
            self._before = []


class Keypad:
    """The keys of the input device at `path`. Paths below /dev/input/by-id do not change if others are plugged in.

    A device that is missing or is unplugged is waited for. Raises PanelError if it is not readable or not a device.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._down: set[str] = set()
        self._reopen = math.inf
        try:
            self._fd = self._open()
        except FileNotFoundError:
            log.warning("waiting for the keypad %s; 'ls -l /dev/input/by-id' lists those that are plugged in", path)
            self._fd = -1
            self._reopen = -math.inf
        except OSError as error:
            hint = "give an input device, such as one below /dev/input/by-id"
            if isinstance(error, PermissionError):
                hint = "join the group input: 'sudo usermod -aG input $USER', and log in again"
            raise PanelError(f"the keypad {path} cannot be read: {error.strerror}", hint=hint) from error

    def fileno(self) -> int:
        """Return the file descriptor; -1 while the keypad is unplugged."""
        return self._fd

    def read(self, now: float) -> list[Edge]:
        """Return the new edges. If the keypad was unplugged, all keys are released."""
        try:
            read = os.read(self._fd, 64 * _EVENT.size)
        except BlockingIOError:
            return []
        except OSError:
            read = b""
        if not read:
            log.warning("the keypad %s was unplugged; waiting for it", self._path)
            self._close_device()
            self._reopen = now + REOPEN_S
            return self._released()
        edges = []
        for _, _, kind, code, value in _EVENT.iter_unpack(read[: len(read) // _EVENT.size * _EVENT.size]):
            if kind == _EV_SYN and code == _SYN_DROPPED:
                # The kernel has lost events. If a release was among them, the key would teach for ever.
                edges += self._released()
            elif kind == _EV_KEY and code in _CODES and value in (0, 1):
                (self._down.add if value else self._down.discard)(_CODES[code])
                edges.append((_CODES[code], value == 1))
        return edges

    def due(self) -> float:
        """Return when to try to open the keypad again; infinite while it is open."""
        return self._reopen

    def advance(self, now: float) -> list[Edge]:
        """Try to open the keypad again, if that is due. Returns no edges."""
        if now >= self._reopen:
            self._reopen = now + REOPEN_S
            with suppress(OSError):
                self._fd = self._open()
                self._reopen = math.inf
                log.info("the keypad %s is plugged in", self._path)
        return []

    def close(self) -> None:
        """Release the device. Closing twice is safe."""
        self._close_device()
        self._reopen = math.inf

    def _open(self) -> int:
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        mode = os.fstat(fd).st_mode
        # Folders and files can be opened too, but then look like a keypad that is unplugged. Tests use a pipe.
        if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
            return fd
        os.close(fd)
        raise OSError(errno.ENODEV, "it is not an input device")

    def _close_device(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _released(self) -> list[Edge]:
        released = [(key, False) for key in sorted(self._down)]
        self._down.clear()
        return released
