"""The composition root: from a configuration to a running main loop, and from one configuration to the next."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from PIL import Image

from edge_cls.app.application import Application
from edge_cls.backends.names import BackendRow
from edge_cls.config import load
from edge_cls.errors import ConfigError, EdgeClsError, MemoryFileError, ModelError, OutputError, SourceError
from edge_cls.model.file import read_model, write_model
from edge_cls.model.golden import with_golden
from edge_cls.prediction import Prediction, Score
from edge_cls.runtime.messages import Message, Result, Status
from edge_cls.testing import FakeClock, FakeSink, FakeSupervisor
from tests.colors import color_frame
from tests.examples import labels_in
from tests.fake_backend import FACTORY, Device, fake_backend
from tests.sources.mjpeg_server import MjpegServer

PATIENCE = 30.0


class Setup:
    """An application whose configuration can be replaced; `seen` is its output."""

    def __init__(
        self,
        config: dict[str, Any],
        *,
        sink: FakeSink | None = None,
        application: type[Application] = Application,
        **options: Any,
    ) -> None:
        self.config = config
        self.seen = sink or FakeSink()
        self.clock = FakeClock()
        self.supervisor = FakeSupervisor()
        self.application = application(
            lambda: load(None, environ={}, given=self.config),
            open_output=lambda _: self.seen,
            supervisor=self.supervisor,
            **{"make_memory": True, **options},
            clock=self.clock,
        )

    def stop_with_a_result(self) -> None:
        """Stop once a frame was classified."""
        if self.application.main_loop.done:
            self.application.main_loop.stop()

    def reload(self, **changes: Any) -> None:
        self.config = {**self.config, **changes}
        self.application.reload()


@pytest.fixture
def build() -> Iterator[Callable[..., Setup]]:
    """A function that makes setups, which are closed at the end of the test."""
    setups: list[Setup] = []

    def make(config: dict[str, Any], **options: Any) -> Setup:
        setups.append(Setup(config, **options))
        return setups[-1]

    yield make
    for setup in setups:
        setup.application.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 30 red photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        Image.fromarray(color_frame("red", number)).save(folder / f"{number:02d}.png")
    return folder


RED = Prediction((Score("red", 0.9),))


def at_once() -> dict[str, float]:
    """States that follow every frame."""
    return {"smoothing_s": 0.0, "dwell_s": 0.0}


def test_a_recording_runs_to_its_end_and_its_events_are_in_the_file(
    build: Callable[..., Setup], tiny: Path, photos: Path, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    config = {
        "model": str(tiny),
        "source": {"name": str(photos)},
        "states": at_once(),
        "sink": [{"kind": "json_lines", "path": str(events)}],
    }
    setup = build(config)
    assert setup.application.run() == 30
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [(line["event"], line["label"]) for line in lines if "event" in line] == [("entered", "red")]
    assert lines[-1]["status"] == "ended"
    assert len(setup.seen.results) == 30


def test_a_camera_that_fails_is_opened_again(build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer) -> None:
    """The stream ends after five results, and is served again at the same port."""
    again: list[MjpegServer] = []

    class Cutting(FakeSink):
        def publish(self, message: Message) -> None:
            super().publish(message)
            if isinstance(message, Result) and len(self.results) == 5:
                red_camera.die()
                again.append(MjpegServer([color_frame("blue", side=64)], port=red_camera.port))

    sink = Cutting()
    setup = build({"model": str(tiny), "source": {"name": red_camera.url}, "states": at_once()}, sink=sink)

    def stop_at_blue() -> None:
        if sink.results and sink.results[-1].prediction.label == "blue":
            setup.application.main_loop.stop()

    setup.supervisor.watchdog = stop_at_blue  # type: ignore[method-assign]
    setup.application.run()
    again[0].die()
    # In between there may be a state of nothing known, if the main loop noticed that the camera was down.
    assert [event.transition.label for event in sink.events if event.transition.label] == ["red", "blue"]


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({}, ConfigError, "no source is set"),
        ({"source": {"name": "nowhere.mp4"}}, SourceError, "nowhere.mp4 does not exist"),
        ({"source": {"name": "demo"}, "model": "nowhere.tflite"}, ModelError, "does not exist"),
        ({"source": {"name": "demo"}, "classes": "model"}, ConfigError, "has none"),
    ],
)
def test_an_error_that_prevents_the_start_is_raised(
    config: dict[str, Any], error: type[EdgeClsError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Setup(config)


def test_a_model_that_fails_its_golden_frames_is_refused(tiny: Path, tmp_path: Path) -> None:
    file = with_golden(read_model(tiny))
    first = file.golden[0]
    wrong = replace(first, outputs={name: bytes(len(output)) for name, output in first.outputs.items()})
    path = tmp_path / "wrong.tflite"
    write_model(replace(file, path=path, golden=(wrong, *file.golden[1:])))
    with pytest.raises(ModelError, match="golden frame 0"):
        Setup({"source": {"name": "demo"}, "model": str(path)})


def test_a_memory_is_created_only_if_requested(build: Callable[..., Setup], photos: Path, tmp_path: Path) -> None:
    config = {"source": {"name": str(photos)}, "memory": str(tmp_path / "new.db")}
    with pytest.raises(MemoryFileError, match="does not exist"):
        Setup(config, make_memory=False)
    build(config)
    assert (tmp_path / "new.db").exists()


# Reload


def test_changed_parts_are_replaced_and_the_state_stays(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer, tmp_path: Path
) -> None:
    one, other = ({"kind": "state_file", "path": str(tmp_path / name)} for name in ("one.json", "other.json"))
    setup = build({"model": str(tiny), "source": {"name": red_camera.url}, "states": at_once(), "sink": [one]})
    application, main_loop = setup.application, setup.application.main_loop
    kept = main_loop.parts.sinks[-1]
    main_loop.parts.states.update(RED, at=1.0)
    classifier = application.classifier
    setup.reload(states={"dwell_s": 3.0}, sink=[one, other], limits={"max_fps": 2.0}, memory=str(tmp_path / "m.db"))
    assert main_loop.parts.states.state == "red"
    assert kept in main_loop.parts.sinks
    assert len(main_loop.parts.sinks) == 3
    assert application.classifier is not classifier
    pipeline = main_loop.channels[0].pipeline
    assert pipeline.engine is main_loop.parts.classifier is application.classifier
    assert pipeline.governor is main_loop.parts.frame_rate
    assert pipeline.governor is not None
    assert pipeline.governor.fps == 2.0
    before = application.classifier
    setup.reload(sink=[other])
    assert kept not in main_loop.parts.sinks
    assert application.classifier is before, "nothing of it has changed"


def test_a_reload_can_replace_the_camera(build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer) -> None:
    setup = build({"model": str(tiny), "source": {"name": "http://127.0.0.1:1/nothing"}})
    setup.reload(source={"name": red_camera.url})
    setup.supervisor.watchdog = setup.stop_with_a_result  # type: ignore[method-assign]
    setup.application.run()
    assert setup.seen.results[0].prediction.label == "red"


def test_the_password_of_a_refused_source_is_not_shown(
    build: Callable[..., Setup], tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setup = build({"model": str(tiny), "source": {"name": "http://me:secret@127.0.0.1:1/nothing"}})
    setup.reload(source={"name": "rtps://me:secret@camera/1"})
    assert "rtps://camera cannot take the place of http://127.0.0.1:1 while it runs" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.usefixtures("pins")
@pytest.mark.parametrize(
    "change",
    [
        {"head": "tail"},
        {"model": "nowhere.tflite"},
        {"source": {"name": "photos"}},
        {"panel": {"kind": "gpio", "button": [{"pin": 5, "label": "mug"}], "led": [{"pin": 6, "label": "mug"}]}},
    ],
    ids=str,
)
def test_an_invalid_configuration_changes_nothing(
    build: Callable[..., Setup],
    tiny: Path,
    tmp_path: Path,
    red_camera: MjpegServer,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
) -> None:
    sink = {"kind": "state_file", "path": str(tmp_path / "state.json")}
    setup = build({"model": str(tiny), "source": {"name": red_camera.url}, "sink": [sink]})
    main_loop, classifier, config = setup.application.main_loop, setup.application.classifier, setup.application.config
    sink_queues = main_loop.parts.sinks
    # A pin of the panel is in use.
    taken = gpiozero.LED(6)
    setup.reload(**change)
    taken.close()
    assert "the old one stays" in caplog.text
    assert setup.application.config is config
    assert setup.application.classifier is classifier
    assert main_loop.parts.sinks == sink_queues


@pytest.mark.usefixtures("pins")
def test_a_reload_can_change_the_purpose_of_a_pin(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer
) -> None:
    def panel(button: int, light: int) -> dict[str, Any]:
        return {
            "kind": "gpio", "button": [{"pin": button, "label": "mug"}], "led": [{"pin": light, "label": "mug"}]
        }  # fmt: skip

    setup = build({"model": str(tiny), "source": {"name": red_camera.url}, "panel": panel(5, 6)})
    setup.reload(panel=panel(6, 5))
    assert setup.application.config.panel is not None
    assert setup.application.config.panel.button[0].pin == 6


def test_a_button_teaches_the_frame_of_the_camera(
    build: Callable[..., Setup], tiny: Path, tmp_path: Path, red_camera: MjpegServer, pins: MockFactory
) -> None:
    pressed = False

    class Pressing(FakeSink):
        def publish(self, message: Message) -> None:
            nonlocal pressed
            super().publish(message)
            if isinstance(message, Result) and not pressed:
                pressed = True
                pins.pin(17).drive_low()

    memory = tmp_path / "taught.db"
    config = {
        "model": str(tiny), "source": {"name": red_camera.url}, "memory": str(memory), "states": at_once(),
        "panel": {"kind": "gpio", "debounce_s": 0.0, "button": [{"pin": 17, "label": "mug"}]},
    }  # fmt: skip
    sink = Pressing()
    setup = build(config, sink=sink)
    setup.supervisor.watchdog = lambda: (  # type: ignore[method-assign]
        setup.application.main_loop.stop() if sink.events and sink.events[-1].transition.label == "mug" else None
    )
    setup.application.run()
    assert labels_in(memory) == ["mug"]


def test_a_sink_that_always_fails_is_reported_in_the_status(
    build: Callable[..., Setup], tiny: Path, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    sink = {"kind": "json_lines", "path": str(tmp_path / "nowhere" / "events.jsonl")}
    setup = build({"model": str(tiny), "source": {"name": str(photos)}, "states": at_once(), "sink": [sink]})
    assert setup.application.run() == 30
    assert "events.jsonl fails" in caplog.text


def test_a_closed_output_ends_the_run(build: Callable[..., Setup], tiny: Path, photos: Path) -> None:
    class Closed(FakeSink):
        def publish(self, message: Message) -> None:
            raise OutputError("the reader is gone", hint="read")

    setup = build({"model": str(tiny), "source": {"name": str(photos)}}, sink=Closed())
    with pytest.raises(OutputError, match="the reader is gone"):
        setup.application.run()


def test_a_missing_edge_tpu_is_reported_in_the_status(build: Callable[..., Setup], tiny: Path, photos: Path) -> None:
    setup = build({"model": str(tiny), "delegate": "auto", "source": {"name": str(photos)}})
    assert setup.application.run() == 30
    assert "on the CPU, not on the Edge TPU" in setup.supervisor.statuses[0]


def test_a_reload_cannot_open_a_second_model_on_a_backend_that_serves_one(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer, caplog: pytest.LogCaptureFixture
) -> None:
    with fake_backend("fake", BackendRow(FACTORY, "the fake", options="(:[0-9])?"), Device()) as device:
        setup = build({"model": str(tiny), "delegate": "fake:0", "source": {"name": red_camera.url}})
        setup.reload(threads=2)
        assert "the backend in use (fake:0) serves one model at a time" in caplog.text
        setup.reload(threads=2, delegate="none")
        assert (setup.application.config.delegate, device.held) == ("none", False)


def test_new_settings_of_states_apply_after_the_reload(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer
) -> None:
    setup = build({"model": str(tiny), "source": {"name": red_camera.url}, "states": at_once()})
    setup.reload(states={"smoothing_s": 0.0, "dwell_s": 3.0})
    states = setup.application.main_loop.parts.states
    assert [states.update(RED, at=at) is None for at in (1.0, 3.9, 4.0)] == [True, True, False]


@pytest.mark.usefixtures("pins")
def test_a_sink_that_was_closed_for_a_configuration_that_fails_is_opened_again(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    setup = build(
        {
            "model": str(tiny),
            "source": {"name": red_camera.url},
            "sink": [{"kind": "state_file", "path": str(path)}],
        }
    )
    taken = gpiozero.LED(6)
    setup.reload(sink=[{"kind": "gpio", "pin": 6, "label": "mug"}])
    taken.close()
    for sink_queue in setup.application.main_loop.parts.sinks:
        sink_queue.offer(Status(1.0, "running", ""), wait=False)
    setup.application.close()
    assert path.exists()


def learning() -> int:
    """Return the number of open classifiers with a memory: each one has such a thread."""
    return [thread.name for thread in threading.enumerate()].count("learn")


@pytest.mark.usefixtures("pins")
def test_every_reload_closes_the_classifier_that_it_replaces_or_refuses(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer, tmp_path: Path
) -> None:
    before = learning()
    setup = build({"model": str(tiny), "source": {"name": red_camera.url}, "memory": str(tmp_path / "one.db")})
    setup.reload(memory=str(tmp_path / "other.db"))
    assert learning() == before + 1
    taken = gpiozero.LED(6)
    setup.reload(memory=str(tmp_path / "third.db"), sink=[{"kind": "gpio", "pin": 6, "label": "mug"}])
    taken.close()
    assert learning() == before + 1
    setup.application.close()
    assert learning() == before


def test_a_sink_that_hangs_does_not_delay_the_end_of_a_camera(
    build: Callable[..., Setup], tiny: Path, red_camera: MjpegServer
) -> None:
    awake, woke = threading.Event(), threading.Event()

    class Hanging(FakeSink):
        def publish(self, message: Message) -> None:
            awake.wait(PATIENCE)
            woke.set()

    setup = build({"model": str(tiny), "source": {"name": red_camera.url}}, sink=Hanging(), close_timeout_s=0.0)
    setup.application.main_loop.parts.sinks[0].offer(Status(1.0, "running", ""), wait=False)
    setup.application.close()
    assert not woke.is_set(), "closing has waited for the sink"
    awake.set()


def test_the_end_of_a_recording_is_delivered_to_a_slow_sink(
    build: Callable[..., Setup], tiny: Path, photos: Path
) -> None:
    closing = threading.Event()

    class Watched(Application):
        def close(self) -> None:
            closing.set()
            super().close()

    class Slow(FakeSink):
        def publish(self, message: Message) -> None:
            assert not (isinstance(message, Status) and message.kind == "ended") or closing.wait(PATIENCE)
            super().publish(message)

    sink = Slow()
    config = {"model": str(tiny), "source": {"name": str(photos)}}
    build(config, sink=sink, application=Watched, close_timeout_s=0.0).application.run()
    assert isinstance(sink.messages[-1], Status)
    assert sink.messages[-1].kind == "ended"
