"""Every press is answered: each kind of command source with each sink that outputs the results of commands."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory
from rich.console import Console

from edge_cls.app.factory import open_sink
from edge_cls.classifier import Classifier
from edge_cls.cli.run import choose_output
from edge_cls.config import JsonLinesSink, StateFileSink
from edge_cls.images.preprocess import Frame
from edge_cls.panels.feedback_light import FeedbackLight
from edge_cls.runtime.main_loop import MainLoop
from edge_cls.runtime.messages import CommandResult, Message
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.ports import Sink
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import States
from edge_cls.sinks.live import LiveView
from edge_cls.testing import FakeSink, FakeSource, FakeSupervisor
from tests.colors import color_frame
from tests.panels.pressers import PATIENCE, Presser
from tests.pins import WatchedPin


@dataclass
class Answering:
    """A sink, and a function that returns its output after a press."""

    sink: Sink
    read: Callable[[], str]
    as_json: bool = False


def printed(*, as_json: bool, events: bool) -> Answering:
    """Return the output of `edge-cls run` with these options."""
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        sink = choose_output(live=False, as_json=as_json, events=events, quiet=False)
    assert sink is not None
    return Answering(sink, stream.getvalue, as_json)


def json_file(folder: Path) -> Answering:
    path = folder / "events.jsonl"
    return Answering(open_sink(JsonLinesSink(kind="json_lines", path=path)), path.read_text, as_json=True)


def state_file(folder: Path) -> Answering:
    path = folder / "state.json"
    sink = open_sink(StateFileSink(kind="state_file", path=path))
    return Answering(sink, lambda: json.dumps(json.loads(path.read_text())["command"]), as_json=True)


def live_view() -> Answering:
    view = LiveView(Console(file=io.StringIO(), force_terminal=True, width=80, height=40))

    def read() -> str:
        page = Console(record=True, file=io.StringIO(), width=80, height=40)
        page.print(view.page())
        return page.export_text()

    return Answering(view, read)


OUTPUTS: dict[str, Callable[[Path], Answering]] = {
    "run": lambda _: printed(as_json=False, events=False),
    "run --events": lambda _: printed(as_json=False, events=True),
    "run --json": lambda _: printed(as_json=True, events=False),
    "run --events --json": lambda _: printed(as_json=True, events=True),
    "live view": lambda _: live_view(),
    "json file": json_file,
    "state file": state_file,
}


@pytest.fixture
def classifier(tiny: Path, tmp_path: Path) -> Iterator[Classifier]:
    with Classifier(tiny, memory=tmp_path / "taught.db") as classifier:
        yield classifier


@dataclass
class Answered(FakeSink):
    """A sink that sets an event at the result of a command."""

    answered: threading.Event = field(default_factory=threading.Event)
    wants = (CommandResult,)

    def publish(self, message: Message) -> None:
        self.answered.set()


def run_and_press(presser: Presser, classifier: Classifier, sink: Sink) -> None:
    """Run a main loop with `sink`, press the button for mug before the fourth frame, and wait for the result."""
    seen = Answered()

    def frames() -> Iterator[Frame]:
        for number in range(3):
            yield color_frame("red", number)
        presser.down("mug")
        presser.up("mug")
        assert seen.answered.wait(PATIENCE)

    sinks = tuple(SinkQueue(one) for one in (sink, seen))
    parts = Parts(classifier, States(), sinks, (presser.source,))
    main_loop = MainLoop(FakeSource(frames()), parts, clock=presser.clock, supervisor=FakeSupervisor())
    try:
        main_loop.run()
    finally:
        for sink_queue in sinks:
            sink_queue.close(PATIENCE)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_press_is_answered_in_every_output(
    output: str, presser: Presser, classifier: Classifier, tmp_path: Path
) -> None:
    answering = OUTPUTS[output](tmp_path)
    run_and_press(presser, classifier, answering.sink)
    text, origin = answering.read(), presser.origins["mug"]
    if not answering.as_json:
        assert text.count(f"mug: 1 taught ({origin})") == 1
        return
    (answer,) = [line for line in map(json.loads, text.splitlines()) if "command" in line]
    assert (answer["command"], answer["result"], answer["label"]) == ("teach", "stored", "mug")
    assert (answer["detail"], answer["origin"]) == ("mug: 1 taught", origin)


def test_a_press_is_answered_by_the_feedback_light(presser: Presser, classifier: Classifier, pins: MockFactory) -> None:
    light = FeedbackLight(5, clock=presser.clock)
    pin: WatchedPin = pins.pin(5)
    run_and_press(presser, classifier, light)
    # On when it is accepted, dark when it is stored or when the light is closed.
    assert [pin.changes.get(timeout=PATIENCE) for _ in range(2)] == [True, False]
