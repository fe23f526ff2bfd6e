"""Every key of the sections of a configuration reaches its adapter."""

from __future__ import annotations

import os
import queue
import struct
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pytest
from gpiozero.pins.mock import MockFactory
from pydantic import BaseModel

from edge_cls.app.factory import (
    _BUSY_TIMEOUT_S,
    COMMAND_SOURCES,
    SINKS,
    governor_of,
    open_classifier,
    open_command_source,
    open_sink,
    sinks_of,
    source_opener,
)
from edge_cls.config import CommandSink, Config, GpioSink, JsonLinesSink, Limits, Panel, Sink, Source, load
from edge_cls.errors import OutputError
from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls.runtime.messages import CommandAccepted
from edge_cls.runtime.ports import Command
from edge_cls.testing import FakeClock, FakeCommandSource, FakeSink
from tests.panels.pressers import CODES, PATIENCE, Camera
from tests.sinks.messages import event


class Recorder:
    """Stands for an object, and records the arguments that it was made with."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options


def test_every_key_of_the_source_reaches_it() -> None:
    chosen: dict[str, Any] = {
        "name": "picamera2", "size": (1280, 960), "lores": (320, 240), "fps": 10.0, "rotation": 90, "mirror": True,
        "roi": (0.1, 0.2, 0.5, 0.5), "stall_s": 5.0, "controls": {"AfMode": 2},
    }  # fmt: skip
    assert chosen.keys() == Source.model_fields.keys()
    clock, opened_by = FakeClock(), cast("Any", Recorder)
    opened: Any = source_opener(Config(source=Source(**chosen)), clock, opened_by=opened_by)()
    assert opened.arguments == (chosen.pop("name"),)
    assert opened.options == {**chosen, "clock": clock}


class RecordingMemory:
    """Stands for a memory, and records its busy timeouts."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait_at_most(self, seconds: float) -> None:
        self.waits.append(seconds)


def test_every_key_of_the_classifier_reaches_it_and_its_memory_has_a_short_busy_timeout(
    tiny: Path, tmp_path: Path
) -> None:
    class RecordingClassifier(Recorder):
        memory, model = RecordingMemory(), Model(read_model(tiny))

    chosen: dict[str, Any] = {
        "model": tmp_path / "a.tflite", "labels": tmp_path / "a.txt", "memory": tmp_path / "a.db", "threads": 3,
        "head": "knn", "false_accept": 0.1, "closed_set": False, "classes": "memory", "delegate": "edgetpu",
        "augment": ("grey",),
    }  # fmt: skip
    opened: Any = open_classifier(Config(**chosen), make_memory=True, classifier_class=cast("Any", RecordingClassifier))
    assert opened.options == {**chosen, "learn_in_background": True}
    assert opened.memory.waits == [_BUSY_TIMEOUT_S]


def test_the_limits_and_the_sensors_reach_the_governor_of_the_frame_rate() -> None:
    clock = FakeClock()
    config = Config(limits=Limits(max_fps=8.0, hot_c=60.0))
    governor = governor_of(config, clock, temperature=lambda: 61.0, undervoltage=lambda: True)
    for _ in range(60):  # the first check is after five seconds, and a rate that is already low is not reduced
        clock.sleep(0.1)
        governor.due(clock.monotonic())
    assert governor.reason is not None
    assert "61 °C" in governor.reason
    assert "too little voltage" in governor.reason


def test_every_key_of_a_pin_reaches_it(pins: MockFactory) -> None:
    relay = open_sink(GpioSink(kind="gpio", pin=5, label="mug", active_high=False))
    assert pins.pin(5).state  # high, therefore off
    relay.publish(event(1, "mug"))
    assert not pins.pin(5).state
    relay.publish(event(2, "cup"))
    assert pins.pin(5).state
    relay.close()


def test_every_key_of_a_command_reaches_it() -> None:
    hook = open_sink(CommandSink(kind="command", argv=("/bin/sleep", "60"), timeout_s=0.05))
    with pytest.raises(OutputError, match=r"/bin/sleep did not end within 0\.05 s"):
        hook.publish(event(1, "mug"))
    hook.close()


@pytest.mark.parametrize("raw", [False, True])
def test_raw_results_are_written_only_if_requested(raw: bool) -> None:
    assert len(open_sink(JsonLinesSink(kind="json_lines", raw=raw)).wants) == (4 if raw else 3)


TIMES = {"hold_s": 1 / 16, "repeat_s": 1 / 32}
"""Seconds of a button, far shorter than the defaults. A command source waits for them in real time, too."""


def next_command(commands: queue.SimpleQueue[Command]) -> tuple[str, str | None, bool]:
    command = commands.get(timeout=PATIENCE)
    return command.action, command.label, command.held


def test_every_key_of_a_panel_at_pins_reaches_its_adapters(pins: MockFactory) -> None:
    panel = {
        "kind": "gpio", "feedback_led": 22, "pull_up": False, "debounce_s": 1 / 64, **TIMES,
        "button": [{"pin": 5, "label": "mug"}, {"pin": 17, "action": "undo"}], "led": [{"pin": 6, "label": "mug"}],
    }  # fmt: skip
    config = load(None, environ={}, given={"panel": panel})
    assert config.panel is not None
    clock, commands = FakeClock(), queue.SimpleQueue[Command]()
    opened = open_command_source(config.panel, clock)
    opened.start(Camera().snapshot, commands.put)
    pins.pin(17).drive_high()  # a press, because the pins are not pulled up
    clock.sleep(1 / 64)
    assert next_command(commands) == ("undo", None, False)
    pins.pin(5).drive_high()
    clock.sleep(1 / 64)
    assert next_command(commands) == ("teach", "mug", False)
    for seconds in TIMES.values():
        clock.sleep(seconds)
        assert next_command(commands) == ("teach", "mug", True)
    opened.close()
    led, feedback = sinks_of(config)
    assert led == GpioSink(kind="gpio", pin=6, label="mug")
    light = open_sink(feedback)
    changes = pins.pin(22).changes
    light.publish(CommandAccepted("teach", "mug", "button 5", 1.0))
    assert changes.get(timeout=PATIENCE)
    light.close()


def test_every_key_of_a_keyboard_reaches_it_and_it_closes_its_device(tmp_path: Path) -> None:
    device = tmp_path / "event0"
    os.mkfifo(device)
    panel = {"kind": "keyboard", "device": str(device), **TIMES, "button": [{"key": "m", "label": "mug"}]}
    config = load(None, environ={}, given={"panel": panel}).panel
    assert config is not None
    clock, commands = FakeClock(), queue.SimpleQueue[Command]()
    opened = open_command_source(config, clock)
    keyboard = os.open(device, os.O_WRONLY | os.O_NONBLOCK)
    opened.start(Camera().snapshot, commands.put)
    os.write(keyboard, struct.pack("llHHi", 1, 2, 1, CODES["mug"], 1))
    assert next_command(commands) == ("teach", "mug", False)
    for seconds in TIMES.values():
        clock.sleep(seconds)
        assert next_command(commands) == ("teach", "mug", True)
    opened.close()
    with pytest.raises(BrokenPipeError):
        os.write(keyboard, b"closed")
    os.close(keyboard)


class FakeSection(BaseModel):
    """A section of a kind that does not exist yet."""

    kind: Literal["fake"] = "fake"
    topic: str = "edge-cls"


def test_a_further_kind_of_sink_needs_one_class_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    class FurtherSink(FakeSink):
        def __init__(self, topic: str) -> None:
            super().__init__()
            self.topic = topic

    monkeypatch.setitem(SINKS, "fake", FurtherSink)
    section: Any = FakeSection()
    sink = open_sink(section)
    assert isinstance(sink, FurtherSink)
    assert sink.topic == "edge-cls"


def test_a_further_kind_of_command_source_needs_one_class_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMAND_SOURCES, "fake", lambda *arguments: FakeCommandSource(clock=arguments[2]))
    section: Any = Panel(kind="gpio").model_copy(update={"kind": "fake"})
    assert isinstance(open_command_source(section, FakeClock()), FakeCommandSource)


def test_every_kind_of_the_configuration_has_a_row() -> None:
    kinds = [get_args(section.model_fields["kind"].annotation)[0] for section in get_args(get_args(Sink)[0])]
    assert {*kinds, "feedback_light"} == SINKS.keys()
    assert set(get_args(Panel.model_fields["kind"].annotation)) == COMMAND_SOURCES.keys()
