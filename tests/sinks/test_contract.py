"""The contract of all sinks, alone and behind a queue."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from edge_cls.classifier import Prediction, Score
from edge_cls.errors import EdgeClsError
from edge_cls.runtime.messages import CHANGES, CommandResult, Event, FrameInfo, Message, Result, Status
from edge_cls.runtime.ports import Sink
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import Transition
from edge_cls.sinks.command import CommandHook
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sinks.live import LiveView
from edge_cls.sinks.state_file import StateFile
from edge_cls.sinks.text import TextLines
from edge_cls.testing import FakeSink

PATIENCE = 30.0
"""Seconds after which waiting for an event fails the test. If the code is right, no test waits that long."""


@dataclass(frozen=True)
class Case:
    """A sink, the text that has arrived at its destination, and how to break and repair the destination.

    `keeps`: the number of events that are visible there. `failed` waits until a failure in another thread has happened.
    """

    sink: Sink
    text: Callable[[], str]
    wreck: Callable[[], object] = lambda: None
    hint: Callable[[], object] = lambda: None
    keeps: int = 5
    failed: Callable[[], object] = lambda: None

    @property
    def reported(self) -> list[int]:
        """The numbers of the visible events, in order."""
        return list(dict.fromkeys(map(int, re.findall(r"label-(\d+)", self.text()))))


class Stream(io.StringIO):
    """A stream that fails while it is `broken`."""

    broken = False

    def write(self, text: str) -> int:
        if self.broken:
            raise OSError(5, "Input/output error")
        return super().write(text)

    def set_broken(self, broken: bool) -> None:
        self.broken = broken


def fake(_: Path) -> Case:
    sink = FakeSink()
    return Case(sink, lambda: " ".join(str(event.transition.label) for event in sink.events))


def json_stream(_: Path) -> Case:
    stream = Stream()
    sink = JsonLines(stream, wants=(Result, *CHANGES))
    return Case(sink, stream.getvalue, lambda: stream.set_broken(True), lambda: stream.set_broken(False))


def text_lines(_: Path) -> Case:
    stream = Stream()
    return Case(
        TextLines(stream, wants=(Result, *CHANGES)),
        stream.getvalue,
        lambda: stream.set_broken(True),
        lambda: stream.set_broken(False),
    )


def json_file(folder: Path) -> Case:
    path, aside = folder / "events.jsonl", folder / "aside"

    def wreck() -> None:
        path.rename(aside)
        path.mkdir()

    def hint() -> None:
        path.rmdir()
        aside.rename(path)

    return Case(JsonLines(path), path.read_text, wreck, hint)


def state_file(folder: Path) -> Case:
    path = folder / "state.json"

    def wreck() -> None:
        path.unlink(missing_ok=True)
        path.mkdir()

    return Case(StateFile(path), path.read_text, wreck, path.rmdir, keeps=1)


def command(folder: Path) -> Case:
    script, output = folder / "on event", folder / "output"

    def write() -> None:
        script.write_text(f'#!/bin/sh\necho "$1" "$EDGE_CLS_EVENT_KIND" >> "{output}"\n')
        script.chmod(0o755)

    write()
    return Case(CommandHook([str(script), "{label}"], PATIENCE), output.read_text, script.unlink, write)


def live(_: Path) -> Case:
    stream = Stream()
    view = LiveView(Console(file=stream, force_terminal=True, width=80, height=40))

    def text() -> str:
        page = Console(record=True, file=io.StringIO(), width=80, height=40)
        page.print(view.page())
        return "\n".join(line for line in page.export_text().splitlines() if "entered" in line)

    def failed() -> None:
        with view._changed:
            assert view._changed.wait_for(lambda: view._failure is not None, PATIENCE)

    return Case(view, text, lambda: stream.set_broken(True), lambda: stream.set_broken(False), keeps=4, failed=failed)


CASES = (fake, json_stream, json_file, text_lines, command, state_file, live)


@pytest.fixture(params=CASES, ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], Case] = request.param
    return make(tmp_path)


@pytest.fixture(params=[make for make in CASES if make is not fake], ids=lambda make: make.__name__)
def breakable(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], Case] = request.param
    return make(tmp_path)


def event(number: int) -> Event:
    return Event(
        FrameInfo(number, 1.7e9 + number, float(number), "photo.jpg"),
        Transition("entered", f"label-{number}", None, 0.9, 0.8, float(number), number - 0.5, 6),
        0.01,
    )


def others(number: int) -> list[Message]:
    prediction = Prediction((Score("mug \x1b[31m", 0.9),), known=1.0)
    info = FrameInfo(number, 1.7e9 + number, float(number), "photo.jpg")
    status = Status(1.7e9 + number, "running", "", None, ("hot",))
    stored = CommandResult("teach", "stored", "mug", "mug: 3 taught", "button 5", 1.7e9 + number)
    return [Result(info, prediction, 0.01), Result(info, Prediction((), known=0.0), 0.01), stored, status]


def test_every_kind_that_is_wanted_is_taken_and_order_is_kept(case: Case) -> None:
    for number in range(5):
        for message in (*others(number), event(number)):
            if isinstance(message, case.sink.wants):
                case.sink.publish(message)
    case.sink.close()
    assert case.reported == list(range(5))[-case.keeps :]


def test_events_are_wanted_by_all(case: Case) -> None:
    assert Event in case.sink.wants
    case.sink.close()


def test_closing_twice_is_safe_also_when_nothing_was_published(case: Case) -> None:
    case.sink.close()
    case.sink.close()


def test_a_failure_is_raised_once_and_the_next_message_goes_through(breakable: Case) -> None:
    breakable.sink.publish(event(0))
    for number in (1, 2):
        breakable.wreck()
        with pytest.raises((OSError, EdgeClsError)):
            publish_until_raised(breakable, event(number))
        breakable.hint()
    breakable.sink.publish(event(3))
    breakable.sink.publish(event(4))
    breakable.sink.close()
    assert breakable.reported[-1] == 4


def publish_until_raised(case: Case, message: Message) -> None:
    """A view draws in another thread, and raises its error at the next message."""
    case.sink.publish(message)
    case.failed()
    case.sink.publish(message)


def test_behind_its_queue_all_arrives_in_order(case: Case) -> None:
    sink_queue = SinkQueue(case.sink)
    for number in range(5):
        for message in (*others(number), event(number)):
            sink_queue.offer(message, wait=False)
    sink_queue.close(PATIENCE)
    assert case.reported == list(range(5))[-case.keeps :]
    assert (sink_queue.dropped, sink_queue.failures, sink_queue.problem) == (0, 0, None)


def test_behind_its_queue_a_failure_is_counted_and_later_messages_arrive(breakable: Case) -> None:
    breakable.sink.publish(event(0))
    breakable.wreck()
    sink_queue = SinkQueue(breakable.sink, size=1)
    sink_queue.offer(event(1), wait=True)
    breakable.failed()
    for _ in range(3):  # when the third is queued, the first has been tried
        sink_queue.offer(event(2), wait=True)
    breakable.hint()
    sink_queue.offer(event(3), wait=True)
    sink_queue.close(PATIENCE)
    assert sink_queue.failures >= 1
    assert sink_queue.dropped == 0
    assert breakable.reported[-1] == 3
