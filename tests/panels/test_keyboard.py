"""Keys of a terminal and of a keypad: everything beyond the contract of command sources."""

from __future__ import annotations

import os
import pty
import queue
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.errors import ConfigError, PanelError
from edge_cls.panels import keys as keys_module
from edge_cls.panels.buttons import Button
from edge_cls.panels.key_names import NAMES
from edge_cls.panels.keyboard import KeyboardButtons
from edge_cls.panels.keys import REOPEN_S, STILL_HELD_S, Keypad, Terminal
from edge_cls.runtime.ports import Command
from edge_cls.testing import FakeClock
from tests.panels.pressers import CODES, PATIENCE, Camera, KeypadPresser, TerminalPresser

Commands = queue.SimpleQueue[Command]


@pytest.fixture
def terminal() -> Iterator[TerminalPresser]:
    presser = TerminalPresser()
    yield presser
    presser.source.close()
    presser.close()


@pytest.fixture
def keypad(tmp_path: Path) -> Iterator[KeypadPresser]:
    presser = KeypadPresser(tmp_path)
    yield presser
    presser.source.close()
    presser.close()


@pytest.fixture
def open_pty() -> Iterator[tuple[int, int]]:
    both = pty.openpty()
    yield both
    for fd in both:
        os.close(fd)


def listening(presser: TerminalPresser | KeypadPresser) -> Commands:
    submitted: Commands = queue.SimpleQueue()
    presser.source.start(Camera().snapshot, submitted.put)
    return submitted


def test_a_terminal_does_not_echo_keys_and_is_restored(open_pty: tuple[int, int]) -> None:
    _, fd = open_pty
    before = termios.tcgetattr(fd)
    keys = Terminal(fd)
    assert not termios.tcgetattr(fd)[3] & (termios.ECHO | termios.ICANON)
    # Ctrl-C still ends the program.
    assert termios.tcgetattr(fd)[3] & termios.ISIG
    for _ in range(2):
        keys.close()
        assert termios.tcgetattr(fd) == before


def test_closing_the_source_restores_the_terminal(open_pty: tuple[int, int]) -> None:
    _, fd = open_pty
    before = termios.tcgetattr(fd)
    source = KeyboardButtons([], Terminal(fd), clock=FakeClock())
    source.start(Camera().snapshot, lambda _: None)
    source.close()
    assert termios.tcgetattr(fd) == before


def test_a_terminal_is_restored_after_an_exception(open_pty: tuple[int, int]) -> None:
    master, fd = open_pty
    before = termios.tcgetattr(fd)
    code = "from edge_cls.panels.keys import Terminal; Terminal(0); print('listens', flush=True); input_ = 1 / 0"
    ended = subprocess.run([sys.executable, "-c", code], stdin=fd, capture_output=True, text=True, check=False)
    assert ended.stdout == "listens\n"
    assert "ZeroDivisionError" in ended.stderr
    assert termios.tcgetattr(fd) == before
    del master


def test_a_file_that_is_not_a_terminal_is_refused_with_a_hint(tmp_path: Path) -> None:
    with (
        (tmp_path / "file").open("w") as file,
        pytest.raises(PanelError, match=r"run it in a terminal, or set a keypad"),
    ):
        Terminal(file.fileno())


def test_the_source_survives_a_terminal_that_is_gone(terminal: TerminalPresser) -> None:
    listening(terminal)
    os.close(terminal.master)
    assert terminal.keys.seen.get(timeout=PATIENCE) == []
    assert terminal.keys.fileno() == -1
    terminal.source.close()


def test_a_character_that_comes_in_parts_is_one_key(open_pty: tuple[int, int]) -> None:
    master, fd = open_pty
    keys = Terminal(fd)
    first, second = "ä".encode()[:1], "ä".encode()[1:]
    os.write(master, first)
    assert keys.read(0.0) == []
    os.write(master, second)
    assert keys.read(0.0) == [("ä", True)]
    keys.close()


def test_a_key_of_a_terminal_is_released_if_it_is_not_repeated(open_pty: tuple[int, int]) -> None:
    master, fd = open_pty
    keys = Terminal(fd)
    os.write(master, b"M \r\t")
    assert keys.read(0.0) == [("m", True), ("space", True), ("enter", True), ("tab", True)]
    os.write(master, b"m")
    assert keys.read(STILL_HELD_S / 2) == [("m", True)]
    assert keys.due() == STILL_HELD_S
    assert keys.advance(STILL_HELD_S) == [("space", False), ("enter", False), ("tab", False)]
    os.write(master, b"m")
    # Too late for a repetition: the key is released first, and pressed again.
    assert keys.read(2.0) == [("m", False), ("m", True)]
    keys.close()


@pytest.mark.parametrize("key", ["mm", "", "ctrl", "f13", "  ", 17])
def test_a_key_that_does_not_exist_is_refused_and_the_terminal_restored(
    key: int | str, open_pty: tuple[int, int]
) -> None:
    before = termios.tcgetattr(open_pty[1])
    with pytest.raises(ConfigError, match=r"there is no key .*; give a character, or one of enter, space"):
        KeyboardButtons([Button(key, "mug")], Terminal(open_pty[1]), clock=FakeClock())
    assert termios.tcgetattr(open_pty[1]) == before


def test_a_key_is_the_same_in_capitals_and_used_once(open_pty: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="two buttons are given for m"):
        KeyboardButtons([Button("m", "mug"), Button("M", "milk")], Terminal(open_pty[1]), clock=FakeClock())


def test_a_digit_may_be_a_number_in_the_configuration(keypad: KeypadPresser) -> None:
    source = KeyboardButtons([Button(1, "mug")], keypad.keys, clock=keypad.clock)
    submitted: Commands = queue.SimpleQueue()
    source.start(Camera().snapshot, submitted.put)
    keypad.write((1, 2, 1))
    assert submitted.get(timeout=PATIENCE).label == "mug"
    source.close()


def test_a_keypad_that_is_unplugged_releases_its_keys_and_is_reopened(
    keypad: KeypadPresser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "REOPEN_S", 1 / 64)
    submitted = listening(keypad)
    keypad.down("mug")
    assert submitted.get(timeout=PATIENCE).label == "mug"
    keypad.unplug()
    assert keypad.keys.seen.get(timeout=PATIENCE) == [("m", False)]
    assert keypad.keys.fileno() == -1
    # So that the pipe always has a reader.
    reader = os.open(keypad.path, os.O_RDONLY | os.O_NONBLOCK)
    keypad.plug_in()
    keypad.clock.sleep(1 / 64)
    keypad.write((1, CODES["undo"], 1))
    assert submitted.get(timeout=PATIENCE).action == "undo"
    os.close(reader)


def test_a_keypad_is_awaited_until_it_is_plugged_in(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)
    keys = Keypad(path)
    assert keys.read(0.0) == []  # without a writer the pipe counts as unplugged
    path.unlink()
    assert keys.due() == REOPEN_S
    assert keys.advance(REOPEN_S) == []
    assert (keys.due(), keys.fileno()) == (2 * REOPEN_S, -1)
    os.mkfifo(path)
    keys.advance(2 * REOPEN_S)
    assert (keys.due(), keys.fileno() >= 0) == (float("inf"), True)
    keys.close()
    keys.close()
    assert keys.fileno() == -1


def test_keys_are_released_if_the_kernel_lost_events(keypad: KeypadPresser) -> None:
    listening(keypad)
    keypad.down("mug")
    keypad.send((0, 3, 0))
    assert keypad.keys.seen.get(timeout=PATIENCE) == [("m", False)]


def test_a_keypad_that_is_not_there_yet_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "event7"
    keys = Keypad(path)
    assert f"waiting for the keypad {path}; 'ls -l /dev/input/by-id' lists" in caplog.text
    assert keys.advance(100.0) == []
    assert (keys.due(), keys.fileno()) == (100.0 + REOPEN_S, -1)
    os.mkfifo(path)
    keys.advance(100.0 + REOPEN_S)
    assert keys.fileno() >= 0
    keys.close()


def test_a_keypad_without_read_permission_is_refused_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(PanelError, match=r"Permission denied; join the group input: 'sudo usermod -aG input \$USER'"):
        Keypad(tmp_path / "event7")


def test_a_path_that_is_not_a_device_is_not_a_keypad(tmp_path: Path) -> None:
    """Not even if it appears later: it would look like a keypad that comes and goes."""
    path = tmp_path / "event7"
    keys = Keypad(path)
    path.mkdir()
    (tmp_path / "file").touch()
    for wrong in (path, tmp_path / "file"):
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(PanelError, match="it is not an input device; give an input device, such as"):
            Keypad(wrong)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
    keys.advance(100.0)
    assert (keys.due(), keys.fileno()) == (100.0 + REOPEN_S, -1)
    keys.close()


def test_every_named_key_may_be_used(open_pty: tuple[int, int]) -> None:
    keys = Terminal(open_pty[1])
    KeyboardButtons([Button(name, name) for name in NAMES], keys, clock=FakeClock()).close()
