"""Pins, on gpiozero's mocks: contacts of buttons, patterns of the feedback light, outputs, and errors without pins."""

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
from edge_cls.learning.advice import Advice
from edge_cls.panels.buttons import Button
from edge_cls.panels.feedback_light import PATTERNS, FeedbackLight, Flasher, pattern_of
from edge_cls.panels.gpio import GpioButtons
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, FrameInfo, Message, Status
from edge_cls.runtime.ports import Command
from edge_cls.runtime.states import Transition
from edge_cls.sinks.gpio import GpioOutput
from edge_cls.testing import FakeClock
from tests.panels.pressers import PATIENCE, PINS, Camera, PinPresser
from tests.pins import WatchedPin

FRAME = FrameInfo(0, 0.0, 0.0, "fake")
LED = 5


@pytest.fixture(params=[True, False], ids=["to ground", "to 3.3 V"])
def presser(request: pytest.FixtureRequest, pins: MockFactory) -> Iterator[PinPresser]:
    del pins
    presser = PinPresser(pull_up=request.param)
    yield presser
    presser.source.close()


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def commands(presser: PinPresser, camera: Camera) -> queue.SimpleQueue[Command]:
    submitted: queue.SimpleQueue[Command] = queue.SimpleQueue()
    presser.source.start(camera.snapshot, submitted.put)
    return submitted


def test_bounces_are_one_press_with_one_frame(
    presser: PinPresser, camera: Camera, commands: queue.SimpleQueue[Command]
) -> None:
    for down in (True, False, True, False, True):
        presser.contact("mug", down)
        presser.clock.sleep(presser.debounce_s / 8)
    presser.clock.sleep(presser.debounce_s)
    presser.up("mug")
    presser.down("undo")
    assert [commands.get(timeout=PATIENCE).action for _ in range(2)] == ["teach", "undo"]
    assert camera.number == 1


def test_a_spike_teaches_nothing(presser: PinPresser, commands: queue.SimpleQueue[Command]) -> None:
    presser.contact("mug", True)
    presser.contact("mug", False)
    presser.clock.sleep(1.0)
    presser.down("undo")
    assert commands.get(timeout=PATIENCE).action == "undo"


def test_a_frame_is_the_one_of_the_first_edge_and_not_of_the_moment_it_was_debounced(
    presser: PinPresser, camera: Camera, commands: queue.SimpleQueue[Command]
) -> None:
    presser.contact("mug", True)
    assert camera.number == 1
    camera.number = 70
    presser.clock.sleep(presser.debounce_s)
    frame = commands.get(timeout=PATIENCE).frame
    assert frame is not None
    assert frame.info.index == 1


def test_a_press_that_is_handled_late_has_its_own_frame(presser: PinPresser, camera: Camera) -> None:
    submitted: queue.SimpleQueue[Command] = queue.SimpleQueue()
    begun, go_on = threading.Event(), threading.Event()

    def submit(command: Command) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        submitted.put(command)

    presser.source.start(camera.snapshot, submit)
    presser.down("undo")
    assert begun.wait(PATIENCE)
    for what in ("mug", "background", "mug"):
        presser.down(what)
        presser.up(what)
    presser.contact("mug", True)  # a spike, with the newest frame
    presser.contact("mug", False)
    go_on.set()
    reported = [submitted.get(timeout=PATIENCE) for _ in range(4)][1:]
    assert [(command.action, command.frame and command.frame.info.index) for command in reported] == [
        ("teach", 1),
        ("background", 2),
        ("teach", 3),
    ]


def test_a_button_that_is_held_at_the_start_teaches_nothing(presser: PinPresser, camera: Camera) -> None:
    submitted: queue.SimpleQueue[Command] = queue.SimpleQueue()
    presser.contact("mug", True)
    presser.source.start(camera.snapshot, submitted.put)
    presser.clock.sleep(10.0)
    presser.up("mug")
    presser.down("undo")
    assert submitted.get(timeout=PATIENCE).action == "undo"


class Played:
    """Records how long a light was lit each time; its time is that of the light."""

    def __init__(self) -> None:
        self.flashes: list[float] = []
        self.now = 0.0
        self._lit_at: float | None = None
        self.flasher = Flasher(self._switch)

    def until(self, end: float) -> list[float]:
        while self.flasher.due() <= end:
            self.now = self.flasher.due()
            self.flasher.advance(self.now)
        return self.flashes

    def _switch(self, lit: bool) -> None:
        if lit and self._lit_at is None:
            self._lit_at = self.now
        elif not lit and self._lit_at is not None:
            self.flashes.append(self.now - self._lit_at)
            self._lit_at = None


def test_every_kind_of_result_has_a_pattern_that_begins_dark_and_ends_lit() -> None:
    advice = set(get_args(Advice)) - {"more"}  # the ordinary case: a long flash
    assert set(PATTERNS) == {"accepted", *get_args(get_type_hints(CommandResult)["kind"]), *advice}
    assert all(len(pattern) % 2 == 0 for pattern in PATTERNS.values())


@pytest.mark.parametrize(
    ("kind", "flashes"),
    [
        ("accepted", [10.0]),
        ("stored", [1.0]),
        ("turn", [1.0, 0.15, 0.15]),
        ("background", [1.0, 0.15]),
        ("enough", [1.0, 1.0]),
        ("duplicate", [0.15] * 2),
        ("conflict", [0.4] * 3),
        ("refused", [0.05] * 12),
    ],
)
def test_the_patterns_differ_and_end_in_the_dark(kind: str, flashes: list[float]) -> None:
    played = Played()
    played.flasher.play(kind, 0.0)
    assert played.until(60.0) == pytest.approx(flashes)
    assert played.flasher.due() == math.inf


def test_a_newer_pattern_replaces_the_one_that_is_played() -> None:
    played = Played()
    played.flasher.play("conflict", 0.0)
    played.until(0.2)
    played.now = 0.3
    played.flasher.play("stored", 0.3)
    assert played.until(60.0) == pytest.approx([0.15, 1.0])


@given(st.lists(st.floats(0.001, 3.0), min_size=40, max_size=40))
def test_a_pattern_that_is_played_late_loses_no_flash(steps: list[float]) -> None:
    changes: list[bool] = []
    flasher = Flasher(changes.append)
    flasher.play("conflict", 0.0)
    now = 0.0
    for step in steps:
        now += step
        before = len(changes)
        flasher.advance(now)
        assert len(changes) <= before + 1
    while flasher.due() < math.inf:
        flasher.advance(flasher.due())
    assert changes == [False, True, False, True, False, True, False]


@pytest.mark.parametrize(
    ("kind", "advice", "pattern"),
    [
        ("stored", None, "stored"),
        ("stored", "more", "stored"),
        ("stored", "turn", "turn"),
        ("stored", "background", "background"),
        ("stored", "enough", "enough"),
        ("duplicate", "turn", "duplicate"),
        ("conflict", None, "conflict"),
    ],
)
def test_the_pattern_is_that_of_the_advice_if_the_example_was_stored(
    kind: Literal["stored", "duplicate", "conflict"], advice: Advice | None, pattern: str
) -> None:
    assert pattern_of(CommandResult("teach", kind, "mug", "", "button 5", 0.0, advice=advice)) == pattern


@pytest.fixture
def light(pins: MockFactory, clock: FakeClock) -> Iterator[FeedbackLight]:
    del pins
    light = FeedbackLight(LED, clock=clock)
    yield light
    light.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


ACCEPTED = CommandAccepted("teach", "mug", "button 17", 0.0)
STORED = CommandResult("teach", "stored", "mug", "mug: 1 taught", "button 17", 0.0)
REFUSED = CommandResult("teach", "refused", "mug", "the camera gives no frame", "button 17", 0.0)


def test_the_light_shows_at_once_that_a_command_is_accepted_and_then_its_result(
    light: FeedbackLight, clock: FakeClock, pins: MockFactory
) -> None:
    pin: WatchedPin = pins.pin(LED)
    light.publish(ACCEPTED)
    assert pin.changes.get(timeout=PATIENCE) is True
    light.publish(STORED)
    assert pin.changes.get(timeout=PATIENCE) is False
    clock.sleep(0.15)
    assert pin.changes.get(timeout=PATIENCE) is True
    clock.sleep(1.0)
    assert pin.changes.get(timeout=PATIENCE) is False


def test_the_light_flickers_for_a_command_that_is_refused(
    light: FeedbackLight, clock: FakeClock, pins: MockFactory
) -> None:
    pin: WatchedPin = pins.pin(LED)
    light.publish(REFUSED)
    changes: list[bool] = []
    while len(changes) < 24:
        # The first steps may be taken before the light has begun the pattern.
        clock.sleep(0.05)
        with contextlib.suppress(queue.Empty):
            changes.append(pin.changes.get(timeout=0.1))
    assert changes == [True, False] * 12


def test_closing_turns_the_light_off_and_frees_its_pin(light: FeedbackLight, pins: MockFactory) -> None:
    pin: WatchedPin = pins.pin(LED)
    light.publish(ACCEPTED)
    assert pin.changes.get(timeout=PATIENCE) is True
    light.close()
    light.close()
    assert pin.function == "input"
    FeedbackLight(LED, clock=FakeClock()).close()


def test_closing_frees_the_pins(presser: PinPresser, commands: queue.SimpleQueue[Command]) -> None:
    presser.down("mug")
    assert commands.get(timeout=PATIENCE)
    presser.source.close()
    assert [presser.pin(pin).function for pin in PINS.values()] == ["input"] * 3
    PinPresser().source.close()


def test_a_light_cannot_have_the_pin_of_a_button(presser: PinPresser) -> None:
    del presser
    with pytest.raises(ConfigError, match="pin 17 is used twice"):
        FeedbackLight(17, clock=FakeClock())


@pytest.mark.parametrize(
    ("numbers", "pull_up", "message"),
    [
        ([17, 17], True, "two buttons are given for 17; give each button a contact of its own"),
        ([17, 99], True, "99 is not a valid pin name; give the BCM number of a pin, 0 to 27"),
        ([-1], True, "-1 is not a valid pin name; give the BCM number"),
        ([2], False, "GPIO2 has a fixed pull resistor; wire the button to ground"),
    ],
)
def test_wrong_pins_are_refused_and_none_is_kept(
    numbers: list[int], pull_up: bool, message: str, pins: MockFactory
) -> None:
    with pytest.raises(ConfigError) as refused:
        GpioButtons([Button(pin, "mug") for pin in numbers], pull_up=pull_up, clock=FakeClock())
    assert message in str(refused.value)
    GpioButtons([Button(pin, "mug") for pin in (17, 4)], clock=FakeClock()).close()
    del pins


def without_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    for name in ("lgpio", "gpiozero.pins.lgpio"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_without_gpiozero_the_hint_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    monkeypatch.delitem(sys.modules, "edge_cls.hardware.gpio")
    with pytest.raises(MissingDependency, match=r"sudo apt install python3-gpiozero python3-lgpio"):
        importlib.import_module("edge_cls.hardware.gpio")


@pytest.mark.parametrize("found", [None, ModuleType("lgpio")], ids=["no lgpio", "pip's empty lgpio"])
def test_without_lgpio_there_is_no_silent_fallback(found: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pins(monkeypatch)
    monkeypatch.setitem(sys.modules, "lgpio", found)  # None: it cannot be imported
    with pytest.raises(MissingDependency, match=r"lgpio.*sudo apt install python3-gpiozero python3-lgpio"):
        gpio.claim_input(17, pull_up=True)


def test_the_pin_library_of_the_environment_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pins(monkeypatch)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "typo")
    with pytest.raises(ConfigError, match="'typo'; unset GPIOZERO_PIN_FACTORY"):
        gpio.claim_output(17)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    gpio.claim_output(17).close()


class error(Exception):  # noqa: N801 - lgpio calls it so
    """The exception that lgpio raises."""

    __module__ = "lgpio"


@pytest.mark.parametrize(
    ("raised", "chips", "accessible", "message"),
    [
        (error("can not open gpiochip"), [], [], "this machine has no /dev/gpiochip0"),
        (error("can not open gpiochip"), ["gpiochip0"], [], "'sudo usermod -aG gpio $USER'"),
        (FileNotFoundError(2, "No such file", ".lgd-nfy-1"), ["gpiochip0"], ["gpiochip0"], "set LG_WD to a writable"),
        (error("GPIO busy"), ["gpiochip0"], ["gpiochip0", "."], "no other program uses the pin"),
        (gpiozero.PinUnknownPi("unable to locate Pi revision"), [], [], "this is not a Raspberry Pi: unable to locate"),
    ],
)
def test_pins_that_cannot_be_claimed_are_refused_with_a_hint(
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
    with pytest.raises(PanelError) as reported:
        gpio.claim_input(17, pull_up=True)
    assert message in str(reported.value)


def event(label: str | None, previous: str | None) -> Event:
    kind: Literal["left", "entered", "changed"]
    kind = "left" if label is None else "entered" if previous is None else "changed"
    return Event(FRAME, Transition(kind, label, previous, 0.9, 0.8, 1.0, 0.5, 5), 0.01)


@pytest.mark.parametrize("active_high", [True, False])
def test_an_output_is_on_while_the_state_is_its_label(active_high: bool, pins: MockFactory) -> None:
    output = GpioOutput(22, "mug", active_high=active_high)
    pin = pins.pin(22)
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


def test_an_output_is_off_before_its_pin_is_released(pins: MockFactory) -> None:
    output = GpioOutput(22, "mug")
    pin = pins.pin(22)
    output.publish(event("mug", None))
    assert pin.changes.get_nowait() is True
    output.close()
    assert pin.changes.get_nowait() is False


def test_an_output_takes_events_and_status_only() -> None:
    assert GpioOutput.wants == (Event, Status)


def test_two_outputs_on_one_pin_are_refused(pins: MockFactory) -> None:
    del pins
    output = GpioOutput(22, "mug")
    with pytest.raises(EdgeClsError, match="pin 22 is used twice"):
        GpioOutput(22, "cup")
    output.close()
