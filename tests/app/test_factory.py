"""From the sections of a configuration to the adapters: every key reaches its adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import pytest
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
from edge_cls.memory.store import Memory
from edge_cls.testing import FakeClock, FakeCommandSource, FakeSink


class Recorder:
    """Stands for an adapter, and keeps its arguments."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options


def test_all_that_can_be_set_of_a_source_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.app.factory.open_source", Recorder)
    chosen: dict[str, Any] = {
        "name": "picamera2", "size": (1280, 960), "lores": (320, 240), "fps": 10.0, "rotation": 90, "mirror": True,
        "roi": (0.1, 0.2, 0.5, 0.5), "stall_s": 5.0, "controls": {"AfMode": 2},
    }  # fmt: skip
    assert chosen.keys() == Source.model_fields.keys()
    clock = FakeClock()
    opened: Any = source_opener(Config(source=Source(**chosen)), clock)()
    assert opened.arguments == (chosen.pop("name"),)
    assert opened.options == {**chosen, "clock": clock}


def test_all_that_can_be_set_of_the_classifier_reaches_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Stub(Recorder):
        memory, model = None, None

    monkeypatch.setattr("edge_cls.app.factory.Classifier", Stub)
    monkeypatch.setattr("edge_cls.app.factory.check_golden", lambda _: None)
    chosen: dict[str, Any] = {
        "model": tmp_path / "a.tflite", "labels": tmp_path / "a.txt", "memory": tmp_path / "a.db", "threads": 3,
        "head": "knn", "false_accept": 0.1, "classes": "memory", "delegate": "edgetpu",
    }  # fmt: skip
    made: Any = open_classifier(Config(**chosen), make_memory=True)
    assert made.options == {**chosen, "learn_in_background": True}


def test_the_limits_and_the_sensors_reach_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.app.factory.temperature", lambda: 61.0)
    monkeypatch.setattr("edge_cls.app.factory.under_voltage", lambda: True)
    clock = FakeClock()
    governor = governor_of(Config(limits=Limits(max_fps=8.0, hot_c=60.0)), clock)
    for _ in range(60):  # the first check is after five seconds, and a rate that is already low is not reduced
        clock.sleep(0.1)
        governor.due(clock.monotonic())
    assert governor.reason is not None
    assert "61 °C" in governor.reason
    assert "too little voltage" in governor.reason


def test_frames_do_not_wait_long_for_another_process_that_writes(
    monkeypatch: pytest.MonkeyPatch, tiny: Path, tmp_path: Path
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Memory, "wait_at_most", lambda _, seconds: waits.append(seconds))
    open_classifier(Config(model=tiny, memory=tmp_path / "m.db"), make_memory=True).close()
    assert waits == [_BUSY_TIMEOUT_S]


def test_all_that_can_be_set_of_an_output_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.sinks.gpio.GpioOutput", Recorder)
    monkeypatch.setattr("edge_cls.sinks.command.CommandHook", Recorder)
    relay: Any = open_sink(GpioSink(kind="gpio", pin=5, label="mug", active_high=False))
    assert (relay.arguments, relay.options) == ((5, "mug"), {"active_high": False})
    hook: Any = open_sink(CommandSink(kind="command", argv=("/bin/true",), timeout_s=2.0))
    assert hook.arguments == (("/bin/true",), 2.0)


@pytest.mark.parametrize("raw", [False, True])
def test_raw_results_are_written_only_if_requested(raw: bool) -> None:
    assert len(open_sink(JsonLinesSink(kind="json_lines", raw=raw)).wants) == (4 if raw else 3)


def test_all_that_can_be_set_of_a_panel_reaches_its_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.panels.gpio.GpioButtons", Recorder)
    monkeypatch.setattr("edge_cls.panels.feedback_light.FeedbackLight", Recorder)
    times = {"debounce_s": 0.05, "hold_s": 2.0, "repeat_s": 1.0}
    panel = {
        "kind": "gpio", "feedback_led": 22, "pull_up": False, **times, "button": [{"pin": 5, "action": "undo"}],
        "led": [{"pin": 6, "label": "mug"}],
    }  # fmt: skip
    config = load(None, environ={}, given={"panel": panel})
    assert config.panel is not None
    clock = FakeClock()
    opened: Any = open_command_source(config.panel, clock)
    assert opened.options == {"pull_up": False, **times, "clock": clock}
    [button] = opened.arguments[0]
    assert (button.contact, button.label, button.action) == (5, None, "undo")
    lamp, light = sinks_of(config)
    assert lamp == GpioSink(kind="gpio", pin=6, label="mug")
    feedback: Any = open_sink(light)
    assert (feedback.arguments, feedback.options) == ((22,), {})


def test_a_keyboard_gets_its_times_and_closes_its_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edge_cls.panels.keyboard.KeyboardButtons", Recorder)
    monkeypatch.setattr("edge_cls.panels.keys.Keypad", Recorder)
    button = {"key": "m", "label": "mug"}
    device = tmp_path / "event0"
    panel = {"kind": "keyboard", "device": str(device), "hold_s": 2.0, "repeat_s": 1.0, "button": [button]}
    config = load(None, environ={}, given={"panel": panel}).panel
    assert config is not None
    clock = FakeClock()
    opened: Any = open_command_source(config, clock)
    assert opened.options == {"hold_s": 2.0, "repeat_s": 1.0, "clock": clock}
    assert opened.arguments[1].arguments == (device,)


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
