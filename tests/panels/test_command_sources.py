"""The contract of command sources: the fake, buttons on mock pins, keys of a pseudo-terminal, and a keypad."""

from __future__ import annotations

import queue

import pytest

from edge_cls.runtime.ports import Command
from tests.panels.pressers import PATIENCE, Camera, FakePresser, Presser

Commands = queue.SimpleQueue[Command]


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def commands(presser: Presser, camera: Camera) -> Commands:
    submitted: Commands = queue.SimpleQueue()
    presser.source.start(camera.snapshot, submitted.put)
    return submitted


def press(presser: Presser, what: str) -> None:
    presser.down(what)
    presser.up(what)


def until_undo(presser: Presser, commands: Commands) -> list[Command]:
    """Undo, and return the commands that were submitted before: a later one cannot come any more."""
    press(presser, "undo")
    submitted = [commands.get(timeout=PATIENCE)]
    while submitted[-1].action != "undo":
        submitted.append(commands.get(timeout=PATIENCE))
    return submitted[:-1]


def test_a_press_is_one_command_with_the_frame_of_its_moment(
    presser: Presser, camera: Camera, commands: Commands
) -> None:
    moment = presser.clock.monotonic()
    presser.down("mug")
    presser.up("mug")
    (command,) = until_undo(presser, commands)
    assert (command.action, command.label, command.held, command.timestamp) == ("teach", "mug", False, moment)
    assert command.frame is not None
    assert (command.frame.info.index, camera.number) == (1, 1)


def test_every_press_has_a_frame_of_its_own(presser: Presser, commands: Commands) -> None:
    for what in ("mug", "background", "mug"):
        press(presser, what)
    submitted = until_undo(presser, commands)
    assert [(command.action, command.label, command.frame and command.frame.info.index) for command in submitted] == [
        ("teach", "mug", 1),
        ("background", None, 2),
        ("teach", "mug", 3),
    ]


def test_held_it_goes_on_at_a_steady_rate_with_fresh_frames_until_it_is_released(
    presser: Presser, commands: Commands
) -> None:
    start = presser.clock.monotonic()
    presser.down("mug")
    submitted = [commands.get(timeout=PATIENCE)]
    # The time of debouncing is part of the hold.
    spent = presser.clock.monotonic() - start
    for seconds in (presser.hold_s - spent, presser.repeat_s, presser.repeat_s, presser.repeat_s):
        presser.keep("mug", seconds)
        submitted.append(commands.get(timeout=PATIENCE))
    presser.up("mug")
    submitted += until_undo(presser, commands)
    assert [command.held for command in submitted] == [False, True, True, True, True]
    assert [command.timestamp - start for command in submitted] == [
        0.0,
        *(presser.hold_s + n * presser.repeat_s for n in range(4)),
    ]
    assert [command.frame and command.frame.info.index for command in submitted] == [1, 2, 3, 4, 5]


def test_undo_is_submitted_once_however_long_it_is_held(presser: Presser, camera: Camera, commands: Commands) -> None:
    if isinstance(presser, FakePresser):
        pytest.skip("the fake repeats whatever a test lets it repeat")
    presser.down("undo")
    presser.keep("undo", 2.0)
    presser.up("undo")
    press(presser, "mug")
    submitted = [commands.get(timeout=PATIENCE) for _ in range(2)]
    assert [(command.action, command.frame is None) for command in submitted] == [("undo", True), ("teach", False)]
    assert camera.number == 1


def test_without_a_frame_the_command_has_none_and_can_be_refused(
    presser: Presser, camera: Camera, commands: Commands
) -> None:
    camera.dark = True
    press(presser, "mug")
    press(presser, "background")
    submitted = until_undo(presser, commands)
    assert [(command.action, command.frame) for command in submitted] == [("teach", None), ("background", None)]


def test_a_command_names_the_button_or_key_that_it_came_from(presser: Presser, commands: Commands) -> None:
    press(presser, "mug")
    press(presser, "background")
    submitted = until_undo(presser, commands)
    assert [command.origin for command in submitted] == [presser.origins["mug"], presser.origins["background"]]


def test_a_stray_press_is_ignored(presser: Presser, camera: Camera, commands: Commands) -> None:
    presser.stray()
    assert until_undo(presser, commands) == []
    assert camera.number == 0


def test_closing_twice_is_safe_and_no_command_follows(presser: Presser, commands: Commands) -> None:
    presser.source.close()
    presser.source.close()
    if isinstance(presser, FakePresser):
        press(presser, "mug")
    assert commands.empty()


def test_a_command_source_that_never_listened_can_be_closed(presser: Presser) -> None:
    presser.source.close()
