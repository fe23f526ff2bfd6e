"""What every panel promises: the fake, one on gpiozero's mock pins, one on a real pseudo-terminal, one on a keypad."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.runtime.ports import Feedback, Wish
from tests.panels.rigs import PATIENCE, Camera, FakeRig, KeypadRig, PinRig, Rig, TerminalRig

Wishes = queue.SimpleQueue[Wish]


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
def wishes(rig: Rig, camera: Camera) -> Wishes:
    asked: Wishes = queue.SimpleQueue()
    rig.panel.start(camera.snapshot, asked.put)
    return asked


def press(rig: Rig, what: str) -> None:
    rig.down(what)
    rig.up(what)


def until_undo(rig: Rig, wishes: Wishes) -> list[Wish]:
    """Return the wishes before one that is asked for now: what was not asked by then never will be."""
    press(rig, "undo")
    asked = [wishes.get(timeout=PATIENCE)]
    while asked[-1].action != "undo":
        asked.append(wishes.get(timeout=PATIENCE))
    return asked[:-1]


def test_a_press_is_one_wish_with_the_frame_of_its_moment(rig: Rig, camera: Camera, wishes: Wishes) -> None:
    moment = rig.clock.monotonic()
    rig.down("mug")
    rig.up("mug")
    (wish,) = until_undo(rig, wishes)
    assert (wish.action, wish.label, wish.held, wish.timestamp) == ("teach", "mug", False, moment)
    assert wish.frame is not None
    assert (wish.frame.origin.index, camera.number) == (1, 1)


def test_every_press_has_a_frame_of_its_own(rig: Rig, wishes: Wishes) -> None:
    for what in ("mug", "background", "mug"):
        press(rig, what)
    asked = until_undo(rig, wishes)
    assert [(wish.action, wish.label, wish.frame and wish.frame.origin.index) for wish in asked] == [
        ("teach", "mug", 1),
        ("background", None, 2),
        ("teach", "mug", 3),
    ]


def test_held_it_goes_on_at_a_steady_rate_with_fresh_frames_until_it_is_let_go(rig: Rig, wishes: Wishes) -> None:
    start = rig.clock.monotonic()
    rig.down("mug")
    asked = [wishes.get(timeout=PATIENCE)]
    # What the panel needs to believe the press is part of the hold.
    spent = rig.clock.monotonic() - start
    for seconds in (rig.hold_s - spent, rig.repeat_s, rig.repeat_s, rig.repeat_s):
        rig.keep("mug", seconds)
        asked.append(wishes.get(timeout=PATIENCE))
    rig.up("mug")
    asked += until_undo(rig, wishes)
    assert [wish.held for wish in asked] == [False, True, True, True, True]
    assert [wish.timestamp - start for wish in asked] == [0.0, *(rig.hold_s + n * rig.repeat_s for n in range(4))]
    assert [wish.frame and wish.frame.origin.index for wish in asked] == [1, 2, 3, 4, 5]


def test_undo_is_asked_once_however_long_it_is_held(rig: Rig, camera: Camera, wishes: Wishes) -> None:
    if isinstance(rig, FakeRig):
        pytest.skip("the fake repeats what a test lets it repeat")
    rig.down("undo")
    rig.keep("undo", 2.0)
    rig.up("undo")
    press(rig, "mug")
    asked = [wishes.get(timeout=PATIENCE) for _ in range(2)]
    assert [(wish.action, wish.frame is None) for wish in asked] == [("undo", True), ("teach", False)]
    assert camera.number == 1


def test_without_a_frame_nothing_is_asked(rig: Rig, camera: Camera, wishes: Wishes) -> None:
    camera.dark = True
    press(rig, "mug")
    press(rig, "background")
    assert until_undo(rig, wishes) == []


def test_what_is_no_button_is_ignored(rig: Rig, camera: Camera, wishes: Wishes) -> None:
    rig.stray()
    assert until_undo(rig, wishes) == []
    assert camera.number == 0


def test_feedback_may_be_shown_at_any_time(rig: Rig, camera: Camera) -> None:
    asked: Wishes = queue.SimpleQueue()

    def ask(wish: Wish) -> None:
        rig.panel.show(Feedback("stored", wish.label))
        asked.put(wish)

    rig.panel.show(Feedback("refused"))
    rig.panel.start(camera.snapshot, ask)
    press(rig, "mug")
    assert asked.get(timeout=PATIENCE).label == "mug"
    rig.panel.close()
    rig.panel.show(Feedback("stored"))


def test_closing_twice_is_safe_and_nothing_is_asked_afterwards(rig: Rig, wishes: Wishes) -> None:
    rig.panel.close()
    rig.panel.close()
    if isinstance(rig, FakeRig):
        press(rig, "mug")
    assert wishes.empty()


def test_a_panel_that_never_listened_can_be_closed(rig: Rig) -> None:
    rig.panel.close()
