"""Keys: what a terminal and a keypad do beyond what every panel promises."""

from __future__ import annotations

import os
import pty
import queue
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.errors import ConfigError, PanelError
from edge_cls.panels.buttons import Button
from edge_cls.panels.key_names import NAMES
from edge_cls.panels.keyboard import KeyboardPanel, line
from edge_cls.panels.keys import REOPEN_S, STILL_HELD_S, Keypad, Terminal
from edge_cls.runtime.ports import Command, CommandResult
from edge_cls.testing import FakeClock
from tests.panels.rigs import CODES, PATIENCE, Camera, KeypadRig, TerminalRig

Commands = queue.SimpleQueue[Command]


@pytest.fixture
def terminal() -> Iterator[TerminalRig]:
    rig = TerminalRig()
    yield rig
    rig.panel.close()
    rig.close()


@pytest.fixture
def keypad(tmp_path: Path) -> Iterator[KeypadRig]:
    rig = KeypadRig(tmp_path)
    yield rig
    rig.panel.close()
    rig.close()


@pytest.fixture
def open_pty() -> Iterator[tuple[int, int]]:
    both = pty.openpty()
    yield both
    for fd in both:
        os.close(fd)


def listening(rig: TerminalRig | KeypadRig) -> Commands:
    asked: Commands = queue.SimpleQueue()
    rig.panel.start(Camera().snapshot, asked.put)
    return asked


def test_a_terminal_shows_no_keys_meanwhile_and_is_given_back_as_it_was(open_pty: tuple[int, int]) -> None:
    _, fd = open_pty
    before = termios.tcgetattr(fd)
    keys = Terminal(fd)
    assert not termios.tcgetattr(fd)[3] & (termios.ECHO | termios.ICANON)
    # Ctrl-C is still how one ends it.
    assert termios.tcgetattr(fd)[3] & termios.ISIG
    for _ in range(2):
        keys.close()
        assert termios.tcgetattr(fd) == before


def test_a_panel_that_is_closed_gives_the_terminal_back(open_pty: tuple[int, int]) -> None:
    _, fd = open_pty
    before = termios.tcgetattr(fd)
    panel = KeyboardPanel([], Terminal(fd), tell=print, clock=FakeClock())
    panel.start(Camera().snapshot, lambda _: None)
    panel.close()
    assert termios.tcgetattr(fd) == before


def test_a_terminal_is_given_back_by_who_ends_in_an_exception(open_pty: tuple[int, int]) -> None:
    master, fd = open_pty
    before = termios.tcgetattr(fd)
    code = "from edge_cls.panels.keys import Terminal; Terminal(0); print('listens', flush=True); input_ = 1 / 0"
    ended = subprocess.run([sys.executable, "-c", code], stdin=fd, capture_output=True, text=True, check=False)
    assert ended.stdout == "listens\n"
    assert "ZeroDivisionError" in ended.stderr
    assert termios.tcgetattr(fd) == before
    del master


def test_what_is_no_terminal_is_told_with_its_mend(tmp_path: Path) -> None:
    with (
        (tmp_path / "file").open("w") as file,
        pytest.raises(PanelError, match=r"run it in a terminal, or name a keypad"),
    ):
        Terminal(file.fileno())


def test_a_terminal_that_is_gone_ends_no_panel(terminal: TerminalRig) -> None:
    listening(terminal)
    os.close(terminal.master)
    assert terminal.keys.seen.get(timeout=PATIENCE) == []
    assert terminal.keys.fileno() == -1
    terminal.panel.show(CommandResult("stored", "mug"))
    assert terminal.lines.get(timeout=PATIENCE) == "mug: stored"


def test_a_character_that_comes_in_parts_is_one_key(open_pty: tuple[int, int]) -> None:
    master, fd = open_pty
    keys = Terminal(fd)
    first, second = "ä".encode()[:1], "ä".encode()[1:]
    os.write(master, first)
    assert keys.read(0.0) == []
    os.write(master, second)
    assert keys.read(0.0) == [("ä", True)]
    keys.close()


def test_a_key_of_a_terminal_is_up_when_it_is_not_repeated(open_pty: tuple[int, int]) -> None:
    master, fd = open_pty
    keys = Terminal(fd)
    os.write(master, b"M \r\t")
    assert keys.read(0.0) == [("m", True), ("space", True), ("enter", True), ("tab", True)]
    os.write(master, b"m")
    assert keys.read(STILL_HELD_S / 2) == [("m", True)]
    assert keys.due() == STILL_HELD_S
    assert keys.advance(STILL_HELD_S) == [("space", False), ("enter", False), ("tab", False)]
    os.write(master, b"m")
    # Too late: the release comes first, then a press of its own.
    assert keys.read(2.0) == [("m", False), ("m", True)]
    keys.close()


@pytest.mark.parametrize("rig", ["terminal", "keypad"])
def test_feedback_is_told_in_lines(rig: str, request: pytest.FixtureRequest) -> None:
    keyboard: TerminalRig | KeypadRig = request.getfixturevalue(rig)
    asked = listening(keyboard)
    keyboard.down("mug")
    assert asked.get(timeout=PATIENCE).label == "mug"
    keyboard.panel.show(CommandResult("conflict", "mug", "it looks like cup\x1b[2J"))
    keyboard.panel.show(CommandResult("stored", detail="undone"))
    assert [keyboard.lines.get(timeout=PATIENCE) for _ in range(3)] == [
        "mug: accepted",
        "mug: conflict, it looks like cup\\x1b[2J",
        "stored, undone",
    ]


def test_a_reader_of_lines_that_hangs_holds_up_nobody_who_shows(open_pty: tuple[int, int]) -> None:
    hangs, go_on = threading.Event(), threading.Event()

    def tell(_: str) -> None:
        hangs.set()
        assert go_on.wait(PATIENCE)

    panel = KeyboardPanel([], Terminal(open_pty[1]), tell=tell, clock=FakeClock())
    panel.start(Camera().snapshot, lambda _: None)
    panel.show(CommandResult("stored"))
    assert hangs.wait(PATIENCE)
    # More than the socket that wakes the thread has room for.
    for _ in range(2000):
        panel.show(CommandResult("stored"))
    go_on.set()
    panel.close()


@pytest.mark.parametrize("key", ["mm", "", "ctrl", "f13", "  ", 17])
def test_a_key_that_does_not_exist_is_refused_and_the_terminal_given_back(
    key: int | str, open_pty: tuple[int, int]
) -> None:
    before = termios.tcgetattr(open_pty[1])
    with pytest.raises(ConfigError, match=r"there is no key .*; give a character, or one of enter, space"):
        KeyboardPanel([Button(key, "mug")], Terminal(open_pty[1]), tell=print, clock=FakeClock())
    assert termios.tcgetattr(open_pty[1]) == before


def test_a_key_is_the_same_in_capitals_and_used_once(open_pty: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="two buttons are given for m"):
        KeyboardPanel([Button("m", "mug"), Button("M", "milk")], Terminal(open_pty[1]), tell=print, clock=FakeClock())


def test_a_digit_may_be_a_number_in_the_configuration(keypad: KeypadRig) -> None:
    panel = KeyboardPanel([Button(1, "mug")], keypad.keys, tell=print, clock=keypad.clock)
    asked: Commands = queue.SimpleQueue()
    panel.start(Camera().snapshot, asked.put)
    keypad.write((1, 2, 1))
    assert asked.get(timeout=PATIENCE).label == "mug"
    panel.close()


def test_a_keypad_that_is_unplugged_lets_go_of_its_keys_and_is_taken_up_again(keypad: KeypadRig) -> None:
    asked = listening(keypad)
    keypad.down("mug")
    assert asked.get(timeout=PATIENCE).label == "mug"
    keypad.unplug()
    assert keypad.keys.seen.get(timeout=PATIENCE) == [("m", False)]
    assert keypad.keys.fileno() == -1
    # So that there is always one to write to.
    reader = os.open(keypad.path, os.O_RDONLY | os.O_NONBLOCK)
    keypad.plug_in()
    keypad.clock.sleep(REOPEN_S)
    keypad.panel.show(CommandResult("stored"))  # whatever wakes it
    while keypad.lines.get(timeout=PATIENCE) != "stored":
        pass
    keypad.write((1, CODES["undo"], 1))
    assert asked.get(timeout=PATIENCE).action == "undo"
    os.close(reader)


def test_a_keypad_is_looked_for_until_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)
    keys = Keypad(path)
    assert keys.read(0.0) == []  # nobody writes: it is as good as unplugged
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


def test_releases_that_the_kernel_lost_are_made_up_for(keypad: KeypadRig) -> None:
    listening(keypad)
    keypad.down("mug")
    keypad.send((0, 3, 0))
    assert keypad.keys.seen.get(timeout=PATIENCE) == [("m", False)]


def test_a_keypad_that_is_not_there_yet_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "event7"
    keys = Keypad(path)
    assert f"waiting for the keypad {path}; 'ls -l /dev/input/by-id' names" in caplog.text
    assert keys.advance(100.0) == []
    assert (keys.due(), keys.fileno()) == (100.0 + REOPEN_S, -1)
    os.mkfifo(path)
    keys.advance(100.0 + REOPEN_S)
    assert keys.fileno() >= 0
    keys.close()


def test_a_keypad_that_may_not_be_read_is_told_with_its_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(PanelError, match=r"Permission denied; join the group input: 'sudo usermod -aG input \$USER'"):
        Keypad(tmp_path / "event7")


def test_what_is_no_device_is_no_keypad(tmp_path: Path) -> None:
    """Not even where it is laid there later: it would be taken for a keypad that comes and goes."""
    path = tmp_path / "event7"
    keys = Keypad(path)
    path.mkdir()
    (tmp_path / "file").touch()
    for wrong in (path, tmp_path / "file"):
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(PanelError, match="it is no device; give an input device, such as one below /dev/input/by-"):
            Keypad(wrong)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
    keys.advance(100.0)
    assert (keys.due(), keys.fileno()) == (100.0 + REOPEN_S, -1)
    keys.close()


def test_every_named_key_may_be_used(open_pty: tuple[int, int]) -> None:
    keys = Terminal(open_pty[1])
    KeyboardPanel([Button(name, name) for name in NAMES], keys, tell=print, clock=FakeClock()).close()


def test_a_line_without_label_or_detail() -> None:
    assert line(CommandResult("refused")) == "refused"
