"""What every panel promises: the fake, one on gpiozero's mock pins, one on a real pseudo-terminal, one on a keypad."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.runtime.ports import Command, CommandResult
from tests.panels.rigs import PATIENCE, Camera, FakeRig, KeypadRig, PinRig, Rig, TerminalRig

Commands = queue.SimpleQueue[Command]


@pytest.fixture(params=[FakeRig, PinRig, TerminalRig, KeypadRig])
def rig(request: pytest.FixtureRequest, tmp_path: Path, mock_pins: object) -> Iterator[Rig]:
    del mock_pins
    rig: Rig = request.param(tmp_path)
    yield rig
    rig.panel.close()
    rig.close()


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def commands(rig: Rig, camera: Camera) -> Commands:
    asked: Commands = queue.SimpleQueue()
    rig.panel.start(camera.snapshot, asked.put)
    return asked


def press(rig: Rig, what: str) -> None:
    rig.down(what)
    rig.up(what)


def until_undo(rig: Rig, commands: Commands) -> list[Command]:
    """Return the wishes before one that is asked for now: what was not asked by then never will be."""
    press(rig, "undo")
    asked = [commands.get(timeout=PATIENCE)]
    while asked[-1].action != "undo":
        asked.append(commands.get(timeout=PATIENCE))
    return asked[:-1]


def test_a_press_is_one_wish_with_the_frame_of_its_moment(rig: Rig, camera: Camera, commands: Commands) -> None:
    moment = rig.clock.monotonic()
    rig.down("mug")
    rig.up("mug")
    (command,) = until_undo(rig, commands)
    assert (command.action, command.label, command.held, command.timestamp) == ("teach", "mug", False, moment)
    assert command.frame is not None
    assert (command.frame.info.index, camera.number) == (1, 1)


def test_every_press_has_a_frame_of_its_own(rig: Rig, commands: Commands) -> None:
    for what in ("mug", "background", "mug"):
        press(rig, what)
    asked = until_undo(rig, commands)
    assert [(command.action, command.label, command.frame and command.frame.info.index) for command in asked] == [
        ("teach", "mug", 1),
        ("background", None, 2),
        ("teach", "mug", 3),
    ]


def test_held_it_goes_on_at_a_steady_rate_with_fresh_frames_until_it_is_let_go(rig: Rig, commands: Commands) -> None:
    start = rig.clock.monotonic()
    rig.down("mug")
    asked = [commands.get(timeout=PATIENCE)]
    # What the panel needs to believe the press is part of the hold.
    spent = rig.clock.monotonic() - start
    for seconds in (rig.hold_s - spent, rig.repeat_s, rig.repeat_s, rig.repeat_s):
        rig.keep("mug", seconds)
        asked.append(commands.get(timeout=PATIENCE))
    rig.up("mug")
    asked += until_undo(rig, commands)
    assert [command.held for command in asked] == [False, True, True, True, True]
    assert [command.timestamp - start for command in asked] == [0.0, *(rig.hold_s + n * rig.repeat_s for n in range(4))]
    assert [command.frame and command.frame.info.index for command in asked] == [1, 2, 3, 4, 5]


def test_undo_is_asked_once_however_long_it_is_held(rig: Rig, camera: Camera, commands: Commands) -> None:
    if isinstance(rig, FakeRig):
        pytest.skip("the fake repeats what a test lets it repeat")
    rig.down("undo")
    rig.keep("undo", 2.0)
    rig.up("undo")
    press(rig, "mug")
    asked = [commands.get(timeout=PATIENCE) for _ in range(2)]
    assert [(command.action, command.frame is None) for command in asked] == [("undo", True), ("teach", False)]
    assert camera.number == 1


def test_without_a_frame_nothing_is_asked(rig: Rig, camera: Camera, commands: Commands) -> None:
    camera.dark = True
    press(rig, "mug")
    press(rig, "background")
    assert until_undo(rig, commands) == []


def test_what_is_no_button_is_ignored(rig: Rig, camera: Camera, commands: Commands) -> None:
    rig.stray()
    assert until_undo(rig, commands) == []
    assert camera.number == 0


def test_feedback_may_be_shown_at_any_time(rig: Rig, camera: Camera) -> None:
    asked: Commands = queue.SimpleQueue()

    def submit(command: Command) -> None:
        rig.panel.show(CommandResult("stored", command.label))
        asked.put(command)

    rig.panel.show(CommandResult("refused"))
    rig.panel.start(camera.snapshot, submit)
    press(rig, "mug")
    assert asked.get(timeout=PATIENCE).label == "mug"
    rig.panel.close()
    rig.panel.show(CommandResult("stored"))


def test_closing_twice_is_safe_and_nothing_is_asked_afterwards(rig: Rig, commands: Commands) -> None:
    rig.panel.close()
    rig.panel.close()
    if isinstance(rig, FakeRig):
        press(rig, "mug")
    assert commands.empty()


def test_a_panel_that_never_listened_can_be_closed(rig: Rig) -> None:
    rig.panel.close()
