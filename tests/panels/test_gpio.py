"""Pins, on gpiozero's mocks: what contacts do, what the lights show, and what is said when there are none."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_type_hints

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import ConfigError, EdgeClsError, MissingDependency, PanelError
from edge_cls.hardware import gpio
from edge_cls.panels.buttons import Button
from edge_cls.panels.feedback_light import PATTERNS, Light
from edge_cls.panels.gpio import GpioPanel
from edge_cls.runtime.messages import Event, FrameInfo, Message, Status
from edge_cls.runtime.ports import Command, CommandResult
from edge_cls.runtime.states import Transition
from edge_cls.sinks.gpio import GpioOutput
from edge_cls.testing import FakeClock
from tests.panels.rigs import LED, PATIENCE, PINS, Camera, PinRig

ORIGIN = FrameInfo(0, 0.0, 0.0, "fake")


@pytest.fixture(params=[True, False], ids=["to ground", "to 3.3 V"])
def rig(request: pytest.FixtureRequest, mock_pins: MockFactory) -> Iterator[PinRig]:
    del mock_pins
    rig = PinRig(pull_up=request.param)
    yield rig
    rig.panel.close()


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def commands(rig: PinRig, camera: Camera) -> queue.SimpleQueue[Command]:
    asked: queue.SimpleQueue[Command] = queue.SimpleQueue()
    rig.panel.start(camera.snapshot, asked.put)
    return asked


def test_bounces_are_one_press_with_one_frame(
    rig: PinRig, camera: Camera, commands: queue.SimpleQueue[Command]
) -> None:
    for down in (True, False, True, False, True):
        rig.contact("mug", down)
        rig.clock.sleep(rig.debounce_s / 8)
    rig.clock.sleep(rig.debounce_s)
    rig.up("mug")
    rig.down("undo")
    assert [commands.get(timeout=PATIENCE).action for _ in range(2)] == ["teach", "undo"]
    assert camera.number == 1


def test_a_spike_teaches_nothing(rig: PinRig, commands: queue.SimpleQueue[Command]) -> None:
    rig.contact("mug", True)
    rig.contact("mug", False)
    rig.clock.sleep(1.0)
    rig.down("undo")
    assert commands.get(timeout=PATIENCE).action == "undo"


def test_a_frame_is_the_one_of_the_first_edge_and_not_of_the_moment_it_was_believed(
    rig: PinRig, camera: Camera, commands: queue.SimpleQueue[Command]
) -> None:
    rig.contact("mug", True)
    assert camera.number == 1
    camera.number = 70
    rig.clock.sleep(rig.debounce_s)
    frame = commands.get(timeout=PATIENCE).frame
    assert frame is not None
    assert frame.info.index == 1


def test_a_press_that_is_taken_up_late_has_its_own_frame(rig: PinRig, camera: Camera) -> None:
    asked: queue.SimpleQueue[Command] = queue.SimpleQueue()
    begun, go_on = threading.Event(), threading.Event()

    def submit(command: Command) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        asked.put(command)

    rig.panel.start(camera.snapshot, submit)
    rig.down("undo")
    assert begun.wait(PATIENCE)
    for what in ("mug", "background", "mug"):
        rig.down(what)
        rig.up(what)
    rig.contact("mug", True)  # a spike, with the newest frame
    rig.contact("mug", False)
    go_on.set()
    told = [asked.get(timeout=PATIENCE) for _ in range(4)][1:]
    assert [(command.action, command.frame and command.frame.info.index) for command in told] == [
        ("teach", 1),
        ("background", 2),
        ("teach", 3),
    ]


def test_a_button_that_hangs_when_it_starts_teaches_nothing(rig: PinRig, camera: Camera) -> None:
    asked: queue.SimpleQueue[Command] = queue.SimpleQueue()
    rig.contact("mug", True)
    rig.panel.start(camera.snapshot, asked.put)
    rig.clock.sleep(10.0)
    rig.up("mug")
    rig.down("undo")
    assert asked.get(timeout=PATIENCE).action == "undo"


class Played:
    """A light that writes down when it was lit for how long; the time is that of the light itself."""

    def __init__(self) -> None:
        self.flashes: list[float] = []
        self.now = 0.0
        self._lit_at: float | None = None
        self.light = Light(self._switch)

    def until(self, end: float) -> list[float]:
        while self.light.due() <= end:
            self.now = self.light.due()
            self.light.advance(self.now)
        return self.flashes

    def _switch(self, lit: bool) -> None:
        if lit and self._lit_at is None:
            self._lit_at = self.now
        elif not lit and self._lit_at is not None:
            self.flashes.append(self.now - self._lit_at)
            self._lit_at = None


def test_every_feedback_has_a_pattern_that_begins_dark_and_ends_lit() -> None:
    assert set(PATTERNS) == set(get_args(get_type_hints(CommandResult)["kind"]))
    assert all(len(pattern) % 2 == 0 for pattern in PATTERNS.values())


@pytest.mark.parametrize(
    ("kind", "flashes"),
    [
        ("accepted", [10.0]),
        ("stored", [1.0]),
        ("duplicate", [0.15] * 2),
        ("conflict", [0.4] * 3),
        ("refused", [0.05] * 12),
    ],
)
def test_the_patterns_can_be_told_apart_and_end_in_the_dark(kind: str, flashes: list[float]) -> None:
    played = Played()
    played.light.play(CommandResult(kind), 0.0)  # type: ignore[arg-type] # one of them
    assert played.until(60.0) == pytest.approx(flashes)
    assert played.light.due() == math.inf


def test_a_newer_feedback_replaces_what_is_shown() -> None:
    played = Played()
    played.light.play(CommandResult("conflict"), 0.0)
    played.until(0.2)
    played.now = 0.3
    played.light.play(CommandResult("stored"), 0.3)
    assert played.until(60.0) == pytest.approx([0.15, 1.0])


@given(st.lists(st.floats(0.001, 3.0), min_size=40, max_size=40))
def test_a_pattern_that_is_played_late_loses_no_flash(steps: list[float]) -> None:
    changes: list[bool] = []
    light = Light(changes.append)
    light.play(CommandResult("conflict"), 0.0)
    now = 0.0
    for step in steps:
        now += step
        before = len(changes)
        light.advance(now)
        assert len(changes) <= before + 1
    while light.due() < math.inf:
        light.advance(light.due())
    assert changes == [False, True, False, True, False, True, False]


def test_a_press_is_heard_at_once_and_stored_when_that_is_said(
    rig: PinRig, commands: queue.SimpleQueue[Command]
) -> None:
    light = rig.pin(LED)
    rig.down("mug")
    assert commands.get(timeout=PATIENCE)
    assert light.changes.get(timeout=PATIENCE) is True
    rig.panel.show(CommandResult("stored", "mug"))
    assert light.changes.get(timeout=PATIENCE) is False
    rig.clock.sleep(0.15)
    assert light.changes.get(timeout=PATIENCE) is True
    rig.clock.sleep(1.0)
    assert light.changes.get(timeout=PATIENCE) is False


def test_without_a_frame_the_light_flickers_at_once(
    rig: PinRig, camera: Camera, commands: queue.SimpleQueue[Command]
) -> None:
    camera.dark = True
    light = rig.pin(LED)
    rig.down("mug")
    changes: list[bool] = []
    while len(changes) < 24:
        # The first of these may come before the panel has begun to show it.
        rig.clock.sleep(0.05)
        with contextlib.suppress(queue.Empty):
            changes.append(light.changes.get(timeout=0.1))
    assert changes == [True, False] * 12
    assert commands.empty()


def test_showing_waits_for_nobody(rig: PinRig, camera: Camera) -> None:
    busy, go_on = threading.Event(), threading.Event()

    def submit(_: Command) -> None:
        busy.set()
        assert go_on.wait(PATIENCE)

    rig.panel.start(camera.snapshot, submit)
    rig.down("mug")
    assert busy.wait(PATIENCE)
    rig.panel.show(CommandResult("stored"))
    go_on.set()


def test_closing_turns_the_light_off_and_frees_the_pins(rig: PinRig, commands: queue.SimpleQueue[Command]) -> None:
    rig.down("mug")
    assert commands.get(timeout=PATIENCE)
    assert rig.pin(LED).changes.get(timeout=PATIENCE) is True
    rig.panel.close()
    assert [rig.pin(pin).function for pin in (LED, *PINS.values())] == ["input"] * 4
    again = PinRig()
    again.panel.close()


def test_a_panel_without_a_light_teaches_as_well(mock_pins: MockFactory, camera: Camera) -> None:
    asked: queue.SimpleQueue[Command] = queue.SimpleQueue()
    clock = FakeClock()
    panel = GpioPanel([Button(17, "mug")], debounce_s=1 / 64, clock=clock)
    panel.start(camera.snapshot, asked.put)
    mock_pins.pin(17).drive_low()
    clock.sleep(1 / 64)
    assert asked.get(timeout=PATIENCE).label == "mug"
    panel.close()


@pytest.mark.parametrize(
    ("pins", "led", "pull_up", "message"),
    [
        ([17, 17], None, True, "two buttons are given for 17; give each button a contact of its own"),
        ([17, 4], 17, True, "pin 17 is used twice"),
        ([99], None, True, "99 is not a valid pin name; give the BCM number of a pin, 0 to 27"),
        ([-1], None, True, "-1 is not a valid pin name; give the BCM number"),
        ([2], None, False, "GPIO2 has a fixed pull resistor; wire the button to ground"),
    ],
)
def test_pins_that_make_no_sense_are_refused_and_none_is_kept(
    pins: list[int], led: int | None, pull_up: bool, message: str, mock_pins: MockFactory
) -> None:
    with pytest.raises(ConfigError) as refused:
        GpioPanel([Button(pin, "mug") for pin in pins], feedback_led=led, pull_up=pull_up, clock=FakeClock())
    assert message in str(refused.value)
    GpioPanel([Button(pin, "mug") for pin in (17, 4)], clock=FakeClock()).close()
    del mock_pins


def without_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    for name in ("lgpio", "gpiozero.pins.lgpio"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_without_gpiozero_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    monkeypatch.delitem(sys.modules, "edge_cls.hardware.gpio")
    with pytest.raises(MissingDependency, match=r"sudo apt install python3-gpiozero python3-lgpio"):
        importlib.import_module("edge_cls.hardware.gpio")


@pytest.mark.parametrize("found", [None, ModuleType("lgpio")], ids=["no lgpio", "pip's empty lgpio"])
def test_without_lgpio_no_other_library_is_fallen_back_to(
    found: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pins(monkeypatch)
    monkeypatch.setitem(sys.modules, "lgpio", found)  # None: it cannot be imported
    with pytest.raises(MissingDependency, match=r"lgpio.*sudo apt install python3-gpiozero python3-lgpio"):
        gpio.claim_input(17, pull_up=True)


def test_a_pin_library_of_ones_own_choice_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pins(monkeypatch)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "typo")
    with pytest.raises(ConfigError, match="'typo'; unset GPIOZERO_PIN_FACTORY"):
        gpio.claim_output(17)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    gpio.claim_output(17).close()


class error(Exception):  # noqa: N801 - lgpio calls it so
    """As lgpio raises it."""

    __module__ = "lgpio"


@pytest.mark.parametrize(
    ("raised", "chips", "accessible", "message"),
    [
        (error("can not open gpiochip"), [], [], "this machine has no /dev/gpiochip0"),
        (error("can not open gpiochip"), ["gpiochip0"], [], "'sudo usermod -aG gpio $USER'"),
        (FileNotFoundError(2, "No such file", ".lgd-nfy-1"), ["gpiochip0"], ["gpiochip0"], "set LG_WD to a folder"),
        (error("GPIO busy"), ["gpiochip0"], ["gpiochip0", "."], "no other program uses the pin"),
        (gpiozero.PinUnknownPi("unable to locate Pi revision"), [], [], "no Raspberry Pi: unable to locate"),
    ],
)
def test_pins_that_cannot_be_had_are_told_with_their_mend(
    raised: Exception, chips: list[str], accessible: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def factory() -> object:
        raise raised

    without_pins(monkeypatch)
    lgpio_pins = ModuleType("gpiozero.pins.lgpio")
    lgpio_pins.__dict__["LGPIOFactory"] = factory
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", lgpio_pins)
    monkeypatch.setattr(Path, "glob", lambda _, pattern: [Path(chip) for chip in chips if "gpiochip" in pattern])
    monkeypatch.setattr(os, "access", lambda path, _: str(path) in accessible)
    monkeypatch.delenv("LG_WD", raising=False)
    with pytest.raises(PanelError) as told:
        gpio.claim_input(17, pull_up=True)
    assert message in str(told.value)


def event(label: str | None, previous: str | None) -> Event:
    kind: Literal["left", "entered", "changed"]
    kind = "left" if label is None else "entered" if previous is None else "changed"
    return Event(ORIGIN, Transition(kind, label, previous, 0.9, 1.0, 0.5, 5), 0.01)


@pytest.mark.parametrize("active_high", [True, False])
def test_an_output_is_on_while_the_state_is_its_label(active_high: bool, mock_pins: MockFactory) -> None:
    output = GpioOutput(22, "mug", active_high=active_high)
    pin = mock_pins.pin(22)
    assert pin.state != active_high
    expected: list[tuple[Message, bool]] = [
        (event("mug", None), True),
        (Status(0.0, "running", "", "mug"), True),
        (event("cup", "mug"), False),
        (event("mug", "cup"), True),
        (event(None, "mug"), False),
        (event("mug", None), True),
        (Status(0.0, "down", "unplugged", "mug"), False),
        (Status(0.0, "opening", "", "mug"), False),
        (Status(0.0, "running", "", "mug"), True),
        (Status(0.0, "ended", "", "mug"), False),
        (event("mug", None), True),
        (Status(0.0, "running", "", None), False),
        (event("mug", None), True),
    ]
    for message, on in expected:
        output.publish(message)
        assert (pin.state == active_high) is on, message
    output.close()
    output.close()
    assert pin.function == "input"


def test_an_output_is_off_before_its_pin_is_let_go(mock_pins: MockFactory) -> None:
    output = GpioOutput(22, "mug")
    pin = mock_pins.pin(22)
    output.publish(event("mug", None))
    assert pin.changes.get_nowait() is True
    output.close()
    assert pin.changes.get_nowait() is False


def test_an_output_takes_events_and_status_only() -> None:
    assert GpioOutput.wants == (Event, Status)


def test_two_outputs_on_one_pin_are_refused(mock_pins: MockFactory) -> None:
    del mock_pins
    output = GpioOutput(22, "mug")
    with pytest.raises(EdgeClsError, match="pin 22 is used twice"):
        GpioOutput(22, "cup")
    output.close()
