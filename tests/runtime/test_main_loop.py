"""The main loop and failures around it: it continues to classify, or reports precisely what it waits for."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from edge_cls.classifier import Classifier
from edge_cls.errors import OutputError, SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.learning.advice import Advice
from edge_cls.memory.database import DamagedFile
from edge_cls.memory.schema import PAGE_SIZE
from edge_cls.model.model import Outputs
from edge_cls.runtime import commands
from edge_cls.runtime.channel import CAMERA_TIMEOUT_S
from edge_cls.runtime.main_loop import MainLoop
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, FrameInfo, Message, Result, Status
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.ports import CapturedFrame, Command, FrameSource, Sink
from edge_cls.runtime.reconnect import Camera
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import States
from edge_cls.testing import FakeClock, FakeCommandSource, FakeSink, FakeSource, FakeSupervisor
from tests.colors import color_frame
from tests.examples import labels_in

PATIENCE = 30.0
GONE = SourceError("the camera is gone", hint="plug it in")
RATE = 10.0


class Colours:
    """Frames of colours, ten per second by their capture times, which can be read without waiting."""

    def __init__(self, colours: Sequence[str], *, live: bool = False, failure: Exception | None = None) -> None:
        self.live = live
        self._frames = enumerate(colours)
        self._failure = failure
        self.closed = False

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        del into
        index, colour = next(self._frames, (-1, ""))
        if colour:
            seconds = index / RATE
            return CapturedFrame(FrameInfo(index, 1e9 + seconds, seconds, colour), color_frame(colour, index))
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        self.closed = True


@dataclass
class Setup:
    """A main loop on fakes, with the real pipeline, model, memory and queues."""

    source: FrameSource
    classifier: Classifier
    sinks: Sequence[Sink] = ()
    states: States = field(default_factory=lambda: States(smoothing_s=0.2, dwell_s=0.3))
    clock: FakeClock = field(default_factory=FakeClock)
    supervisor: FakeSupervisor = field(default_factory=FakeSupervisor)
    reload: Callable[[], str | None] = lambda: None
    queues: Sequence[SinkQueue] = ()
    """Queues that a test has made itself."""

    def __post_init__(self) -> None:
        self.seen = FakeSink()
        queues = (*(SinkQueue(sink, size=10_000) for sink in (self.seen, *self.sinks)), *self.queues)
        self.main_loop = MainLoop(
            self.source,
            Parts(self.classifier, self.states, queues),
            clock=self.clock,
            supervisor=self.supervisor,
            reload=self.reload,
        )
        self.pipeline = self.main_loop.channels[0].pipeline

    def run(self, max_frames: int | None = None) -> None:
        try:
            self.main_loop.run(max_frames)
        finally:
            for sink in self.main_loop.parts.sinks:
                sink.close(PATIENCE)

    def submit(self, *commands: Command) -> list[CommandResult]:
        """Submit `commands` before the first frame, run, and return their results."""
        for one in commands:
            self.main_loop.submit(one)
        self.run()
        return self.seen.command_results

    @property
    def events(self) -> list[tuple[str, str | None]]:
        return [(event.transition.kind, event.transition.label) for event in self.seen.events]

    @property
    def statuses(self) -> list[Status]:
        return self.seen.statuses


@pytest.fixture
def colours(tiny: Path) -> Iterator[Classifier]:
    """A classifier of blue, green and red."""
    with Classifier(tiny) as classifier:
        yield classifier


@pytest.fixture
def teachable(tiny: Path, tmp_path: Path) -> Iterator[Classifier]:
    """A classifier of blue, green and red that can be taught."""
    with Classifier(tiny, memory=tmp_path / "taught.db") as classifier:
        yield classifier


def test_frames_become_stable_states_each_reported_once(colours: Classifier) -> None:
    setup = Setup(Colours(["red"] * 20 + ["blue"] + ["red"] * 20 + ["blue"] * 20), colours)
    setup.run()
    assert setup.events == [("entered", "red"), ("changed", "blue")]
    assert [result.prediction.label for result in setup.seen.results].count("blue") == 21
    assert setup.seen.results[-1].state == "blue"
    assert setup.seen.messages[-1] == Status(setup.clock.time(), "ended", "ended", "blue")


def test_an_event_carries_the_capture_time_of_its_frame(colours: Classifier) -> None:
    setup = Setup(Colours(["red"] * 20), colours)
    setup.run()
    (event,) = setup.seen.events
    assert event.frame.captured == event.transition.at == event.frame.index / RATE
    assert event.latency == setup.clock.monotonic() - event.frame.captured


def test_ready_is_notified_with_the_first_classified_frame_and_the_watchdog_with_each(colours: Classifier) -> None:
    setup = Setup(Colours(["red"] * 5), colours)
    setup.run()
    kinds = [kind for kind, _ in setup.supervisor.calls]
    assert kinds.count("ready") == 1
    assert kinds.count("watchdog") == 5
    assert kinds.index("ready") < kinds.index("watchdog")
    assert kinds[-1] == "stopping"


def test_a_camera_that_is_missing_at_boot_is_waited_for_and_told(colours: Classifier) -> None:
    clock, tries = FakeClock(), itertools.count()
    reported = threading.Event()

    def opener() -> FrameSource:
        if next(tries) < 5:
            raise GONE
        assert reported.wait(PATIENCE)
        return Colours(["red"] * 99, live=True, failure=GONE)

    class Change(FakeSupervisor):
        def watchdog(self) -> None:
            super().watchdog()
            reported.set()

    setup = Setup(Camera(opener, clock=clock), colours, clock=clock, supervisor=Change())
    setup.run(max_frames=3)
    kinds = [kind for kind, _ in setup.supervisor.calls]
    assert "camera: the camera is gone; plug it in; trying again" in setup.supervisor.statuses
    # The watchdog was notified all the time, and `ready` only with the first frame.
    assert kinds.index("watchdog") < kinds.index("ready")
    assert "running" in setup.supervisor.statuses[-1]


def test_the_state_has_left_when_the_camera_is_gone(colours: Classifier) -> None:
    clock = FakeClock()
    wait, gone = threading.Event(), threading.Event()
    at_the_fault: list[CapturedFrame | None] = []

    def opener() -> FrameSource:
        if not gone.is_set():
            gone.set()
            return FakeSource(paced(), live=True, failure=GONE)
        assert wait.wait(PATIENCE)
        return Colours(["blue"] * 3, live=True, failure=GONE)

    def paced() -> Iterator[Frame]:
        for number in range(20):
            clock.sleep(0.1)
            yield color_frame("red", number)

    class Watching(FakeSink):
        def publish(self, message: Message) -> None:
            super().publish(message)
            if isinstance(message, Status) and message.kind == "down":
                at_the_fault.append(setup.pipeline.snapshot())
                wait.set()

    class Captured(Camera):
        def read(self, into: Frame | None = None) -> CapturedFrame | None:
            frame = super().read(into)
            if frame is not None:
                # Every frame is taken before the next one is read, so that the test knows which were classified.
                assert taken.wait(PATIENCE)
                taken.clear()
            return frame

    taken = threading.Event()
    taken.set()

    class Taking(FakeSink):
        wants = (Result,)

        def publish(self, message: Message) -> None:
            taken.set()

    setup = Setup(
        Captured(opener, clock=clock), colours, [Watching(), Taking()], States(smoothing_s=0, dwell_s=0), clock=clock
    )
    setup.run(max_frames=22)
    assert setup.events[:2] == [("entered", "red"), ("left", None)]
    assert at_the_fault == [None], "a button would teach the past"


def test_a_frame_under_way_when_its_camera_fails_brings_nothing_back(
    colours: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, infer = FakeClock(), colours.infer
    down, seen = threading.Event(), [threading.Event() for _ in range(3)]
    numbers, openings = itertools.count(), itertools.count()

    def slow(pixels: Frame) -> Outputs:
        if next(numbers) == 1:
            assert down.wait(PATIENCE)
        return infer(pixels)

    def opener() -> FrameSource:
        if next(openings) == 0:
            return FakeSource(red(), live=True, failure=GONE)
        assert seen[1].wait(PATIENCE)
        return Colours(["blue"], live=True, failure=GONE)

    def red() -> Iterator[Frame]:
        yield color_frame("red")
        assert seen[0].wait(PATIENCE)
        yield color_frame("red")

    class Watching(FakeSink):
        def publish(self, message: Message) -> None:
            super().publish(message)
            if isinstance(message, Result):
                seen[len(self.results) - 1].set()
            elif isinstance(message, Status) and message.kind == "down":
                down.set()

    monkeypatch.setattr(colours, "infer", slow)
    setup = Setup(Camera(opener, clock=clock), colours, [Watching()], States(smoothing_s=0, dwell_s=0), clock=clock)
    setup.run(max_frames=3)
    assert setup.events[:2] == [("entered", "red"), ("left", None)]
    assert ("entered", "red") not in setup.events[2:]
    assert [(result.prediction.label, result.state) for result in setup.seen.results[:2]] == [
        ("red", "red"),
        ("red", None),
    ]


def test_a_driver_that_hangs_is_given_up(colours: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_cls.runtime.main_loop.POLL_INTERVAL_S", 0.0)
    clock, hanging = FakeClock(), threading.Event()

    def opener() -> FrameSource:
        clock.sleep(CAMERA_TIMEOUT_S + 1)
        hanging.wait(PATIENCE)
        raise GONE

    setup = Setup(Camera(opener, clock=clock), colours, clock=clock)
    with pytest.raises(SourceError, match="driver has not answered for 91 seconds"):
        setup.run()
    assert ("ready", "") not in setup.supervisor.calls
    hanging.set()


def test_frames_may_change_their_size_on_the_way(colours: Classifier) -> None:
    sizes = (40, 64, 33, 200, 40, 8)
    setup = Setup(FakeSource(color_frame("red", side=side) for side in sizes), colours)
    setup.run()
    assert [result.prediction.label for result in setup.seen.results] == ["red"] * len(sizes)


def test_the_newest_frames_of_a_flooding_camera_are_reported_in_order(colours: Classifier) -> None:
    """A thousand frames without a pause, then the camera ends."""
    setup = Setup(Colours(["red"] * 999 + ["blue"], live=True), colours)
    setup.run()
    reported = [result.frame.index for result in setup.seen.results]
    assert reported == sorted(set(reported))
    assert reported[-1] == 999
    assert setup.seen.results[-1].prediction.label == "blue"
    assert setup.pipeline.dropped == 1000 - len(reported)


def test_a_camera_without_any_frame_is_reported_and_retried_for_ever(colours: Classifier) -> None:
    clock, openings, reported = FakeClock(), itertools.count(1), threading.Event()
    stalled = SourceError("no frame for 10 s", hint="check the cable")

    class Change(FakeSupervisor):
        def status(self, text: str) -> None:
            super().status(text)
            if "trying again" in text:
                reported.set()

    def opener() -> FrameSource:
        if (opening := next(openings)) == 2:
            assert reported.wait(PATIENCE)
        if opening == 50:
            setup.main_loop.stop()
        return FakeSource([], live=True, failure=stalled)

    setup = Setup(Camera(opener, clock=clock), colours, clock=clock, supervisor=Change())
    setup.run()
    assert next(openings) > 50
    assert any("no frame for 10 s; check the cable; trying again" in said for said in setup.supervisor.statuses)
    assert ("ready", "") not in setup.supervisor.calls


def test_the_wall_clock_may_jump_back_and_forth(colours: Classifier) -> None:
    class Jumping(FakeClock):
        def __init__(self) -> None:
            super().__init__()
            self._jumps = itertools.cycle([0.0, 1e9, -1e9, 3600.0])

        def time(self) -> float:
            return super().time() + next(self._jumps)

    setup = Setup(Colours(["red"] * 20 + ["blue"] * 20), colours, clock=Jumping())
    setup.run()
    assert setup.events == [("entered", "red"), ("changed", "blue")]


def test_sinks_that_are_slow_dead_or_flapping_stop_nothing(colours: Classifier) -> None:
    held = threading.Event()

    class Slow(FakeSink):
        def publish(self, message: Message) -> None:
            held.wait(PATIENCE)

    class Dead(FakeSink):
        def publish(self, message: Message) -> None:
            raise OutputError("no place", hint="free some")

    class Flapping(FakeSink):
        def publish(self, message: Message) -> None:
            super().publish(message)
            if len(self.messages) % 2:
                raise OSError("now and then")

    setup = Setup(Colours(["red"] * 50), colours, [Slow(), Dead(), Flapping()])
    try:
        assert setup.main_loop.run() == 50
    finally:
        held.set()
        for sink_queue in setup.main_loop.parts.sinks:
            sink_queue.close(PATIENCE)
    assert len(setup.seen.results) == 50
    assert any("no place" in problem for status in setup.statuses for problem in status.problems)


def test_an_essential_sink_that_fails_ends_the_run_and_closes_the_source(colours: Classifier) -> None:
    class Full(FakeSink):
        def publish(self, message: Message) -> None:
            raise OutputError("no place", hint="free some space")

    source = Colours(["red"] * 10_000)
    sink_queue = SinkQueue(Full(), essential=True)
    setup = Setup(source, colours, queues=[sink_queue])
    with pytest.raises(OutputError, match="no place"):
        setup.main_loop.run()
    assert source.closed
    with pytest.raises(OutputError, match="no place"):
        sink_queue.close(PATIENCE)


def test_the_reason_for_the_end_is_the_last_status(colours: Classifier) -> None:
    setup = Setup(Colours(["red"] * 3, failure=GONE), colours)
    with pytest.raises(SourceError, match="the camera is gone"):
        setup.run()
    assert len(setup.seen.results) == 3
    assert (setup.statuses[-1].kind, setup.statuses[-1].detail) == ("ended", "the camera is gone; plug it in")


def test_a_model_file_that_is_replaced_or_cut_off_meanwhile_changes_nothing(tiny: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(tiny.read_bytes())

    def frames() -> Iterator[Frame]:
        for number in range(40):
            if number == 10:
                model.write_bytes(tiny.read_bytes()[:1000])
            if number == 20:
                model.unlink()
            yield color_frame("red", number)

    with Classifier(model) as classifier:
        setup = Setup(FakeSource(frames()), classifier)
        setup.run()
    assert {result.prediction.label for result in setup.seen.results} == {"red"}
    assert len(setup.seen.results) == 40


# Commands


def command(action: str = "teach", label: str | None = "mug", frame: Frame | None = None) -> Command:
    captured = None if frame is None else CapturedFrame(FrameInfo(0, 0.0, 0.0, "press"), frame)
    return Command(action, 0.0, "button 5", label, captured)  # type: ignore[arg-type]


def kinds(results: list[CommandResult]) -> list[str]:
    return [result.kind for result in results]


def test_an_example_is_acknowledged_after_the_commit(teachable: Classifier, tmp_path: Path) -> None:
    stored: list[list[str]] = []

    class Immediate(SinkQueue):
        """Looks into the memory when the main loop offers the result."""

        def offer(self, message: Message, *, wait: bool) -> None:
            if isinstance(message, CommandResult):
                stored.append(labels_in(tmp_path / "taught.db"))

    setup = Setup(Colours(["red"] * 3), teachable, queues=[Immediate(FakeSink())])
    setup.submit(command(frame=color_frame("red")))
    assert stored == [["mug"]]


def test_a_command_is_accepted_at_once_and_its_result_follows(teachable: Classifier) -> None:
    setup = Setup(Colours(["red"] * 3), teachable)
    (result,) = setup.submit(
        command(frame=color_frame("red")),
    )
    messages = setup.seen.messages
    accepted = CommandAccepted("teach", "mug", "button 5", setup.clock.time())
    assert messages[0] == accepted, "it comes before the first status and frame"
    at = setup.clock.time()
    assert result == CommandResult("teach", "stored", "mug", "mug: 1 taught", "button 5", at, advice="more")
    assert messages.count(accepted) == 1


def test_a_taught_class_is_recognised_in_the_frames_after(teachable: Classifier) -> None:
    page = np.full((40, 40, 3), 255, np.uint8)
    setup = Setup(FakeSource([page] * 3), teachable)
    results = setup.submit(*[command(label="page", frame=page)] * 2)
    assert kinds(results) == ["stored", "duplicate"]
    assert setup.seen.results[-1].prediction.label == "page"


def test_an_example_that_looks_like_another_class_is_a_conflict(teachable: Classifier) -> None:
    frame = color_frame("red")
    results = Setup(Colours(["red"]), teachable).submit(command(frame=frame), command(label="cup", frame=frame))
    assert kinds(results) == ["stored", "conflict"]
    said = "mug and cup look alike: 1 of 1 example of cup is as near to mug"
    assert (results[1].detail, results[1].advice) == (f"cup: stored, but {said}", None)


def test_the_coach_advises_to_turn_a_thing_that_stands_still_but_not_the_background(teachable: Classifier) -> None:
    still = [command(frame=color_frame("red"))] * 3
    results = Setup(Colours(["red"]), teachable).submit(*still)
    assert kinds(results) == ["stored", "duplicate", "duplicate"]
    assert (results[1].detail, results[1].advice) == ("mug: nothing new; turn it while you hold the button", "turn")
    empty = [command("background", None, color_frame("blue"))] * 2
    results = Setup(Colours(["red"]), teachable).submit(*empty)
    assert [(one.detail, one.advice) for one in results] == [
        ("background: 1 taught", None), ("background: nothing new", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("advice", "said"),
    [
        ("more", "mug: 1 taught"),
        ("turn", "mug: 1 taught; turn it while you hold the button"),
        ("background", "mug: 1 taught; teach the empty place too, as the class background"),
        ("enough", "mug: 1 taught; enough"),
    ],
)
def test_the_result_has_the_words_of_the_coach(
    teachable: Classifier, monkeypatch: pytest.MonkeyPatch, advice: Advice, said: str
) -> None:
    monkeypatch.setattr(commands, "advise", lambda _, label: advice if label == "mug" else None)
    (result,) = Setup(Colours(["red"]), teachable).submit(command(frame=color_frame("red")))
    assert (result.detail, result.advice) == (said, advice)


def test_undo_background_and_forget(teachable: Classifier) -> None:
    frame = color_frame("red")
    results = Setup(Colours(["red"]), teachable).submit(
        command(frame=frame), command("undo", None), command("undo", None),
        command("background", None, color_frame("blue")),
        command("forget", None), command("forget", "background"), command("forget", "never"),
    )  # fmt: skip
    assert kinds(results) == ["stored", "stored", "refused", "stored", "refused", "stored", "refused"]
    assert teachable.memory is not None
    assert teachable.memory.classes() == {}


def test_forget_without_a_label_means_the_class_that_the_camera_sees(teachable: Classifier) -> None:
    for number in range(3):
        teachable.teach("mug", color_frame("red", number))
        teachable.teach("sky", color_frame("blue", number))
    setup = Setup(Colours(["red"] * 20), teachable, states=States(smoothing_s=0, dwell_s=0))
    setup.run()
    assert setup.events == [("entered", "mug")]
    (event,) = setup.seen.events
    assert [one.label for one in event.nearest] == ["mug"] * 3, "the examples that decided the frame"
    again = Setup(Colours(["red"] * 2), teachable, states=setup.states)
    assert kinds(again.submit(command("forget", None))) == ["stored"]
    assert teachable.memory is not None
    assert set(teachable.memory.classes()) == {"sky"}


@pytest.mark.parametrize(
    ("submitted", "why"),
    [
        (command(label="mug"), "the camera gives no frame"),
        (command(label="\x1b", frame=color_frame("red")), "label"),
    ],
)
def test_a_command_that_cannot_teach_is_refused(teachable: Classifier, submitted: Command, why: str) -> None:
    setup = Setup(Colours(["red"]), teachable)
    (result,) = setup.submit(submitted)
    assert result.kind == "refused"
    assert any(isinstance(message, CommandAccepted) for message in setup.seen.messages) == (submitted.frame is not None)
    assert why in result.detail
    assert "\x1b" not in result.detail


def test_without_a_memory_every_command_is_refused(colours: Classifier) -> None:
    results = Setup(Colours(["red"]), colours).submit(command(frame=color_frame("red")), command("undo", None))
    assert kinds(results) == ["refused", "refused"]


def test_commands_do_not_pile_up(teachable: Classifier) -> None:
    setup = Setup(Colours(["red"]), teachable)
    results = setup.submit(*[command("undo", None)] * 20)
    assert len(results) == 20
    assert [result.detail for result in results].count("too many commands at once") == 4
    assert sum(isinstance(message, CommandAccepted) for message in setup.seen.messages) == 16


def test_however_long_a_button_is_held_frames_go_on(teachable: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command takes so long that the next one comes while it is executed."""
    setup = Setup(Colours(["red"] * 5), teachable)
    done: list[int] = []

    def undo() -> None:
        done.append(setup.main_loop.done)
        setup.main_loop.submit(command("undo", None))

    monkeypatch.setattr(teachable.memory, "undo", undo)
    setup.submit(command("undo", None))
    assert set(done) >= {1, 2, 3, 4}


def test_a_damaged_memory_that_cannot_be_repaired_refuses_an_example_and_frames_go_on(
    teachable: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> str:
        raise DamagedFile("it is damaged", hint="make room")

    monkeypatch.setattr(teachable.memory, "add", damaged)
    monkeypatch.setattr(teachable.memory, "repair", damaged)
    setup = Setup(Colours(["red"] * 5), teachable)
    (result,) = setup.submit(command(frame=color_frame("red")))
    assert (result.kind, result.detail) == ("refused", "it is damaged; make room")
    assert len(setup.seen.results) == 5


def test_an_example_for_which_the_disk_is_full_is_refused_and_frames_go_on(
    teachable: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise sqlite3.OperationalError("database or disk is full")

    assert teachable.memory is not None
    monkeypatch.setattr(teachable.memory, "add", full)
    setup = Setup(Colours(["red"] * 5), teachable)
    (result,) = setup.submit(command(frame=color_frame("red")))
    assert result.kind == "refused"
    assert len(setup.seen.results) == 5


def test_a_memory_that_is_locked_by_another_process_refuses_an_example_and_frames_go_on(teachable: Classifier) -> None:
    memory = teachable.memory
    assert memory is not None
    memory.wait_at_most(0.0)
    with contextlib.closing(sqlite3.connect(memory.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        setup = Setup(Colours(["red"] * 5), teachable)
        (result,) = setup.submit(command(frame=color_frame("red")))
        assert result.kind == "refused"
        assert "locked by another process" in result.detail
        assert len(setup.seen.results) == 5
        other.execute("ROLLBACK")
    assert kinds(Setup(Colours(["red"]), teachable).submit(command(frame=color_frame("red")))) == ["stored"]


def test_teaching_repairs_a_damaged_memory(teachable: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = teachable.memory
    assert memory is not None

    def damaged(*_: object, **__: object) -> str:
        monkeypatch.undo()
        raise DamagedFile("it is damaged", hint="repair it")

    monkeypatch.setattr(memory, "add", damaged)
    results = Setup(Colours(["red"]), teachable).submit(*[command(frame=color_frame("red"))] * 2)
    assert kinds(results) == ["refused", "stored"]
    assert "the memory was damaged" in results[0].detail


# The memory


def during(frames: int, at: dict[int, Callable[[], None]]) -> Iterator[Frame]:
    """Give red frames, and call the functions in `at` before the frames of these numbers."""
    for number in range(frames):
        at.get(number, lambda: None)()
        yield color_frame("red", number)


def test_a_memory_that_cannot_be_read_is_reported_and_tried_again(
    teachable: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    teachable.teach("mug", color_frame("red"))
    memory, clock = teachable.memory, FakeClock()
    assert memory is not None
    path, away = memory.path, memory.path.with_name("away.db")

    def take_away() -> None:
        path.rename(away)

    def bring_back() -> None:
        away.rename(path)
        clock.sleep(60)

    # Removed for so long that many attempts fail; the longest pause between two of them is 30 s.
    minutes = {number: lambda: clock.sleep(60) for number in range(21, 40)}
    setup = Setup(FakeSource(during(60, {20: take_away, **minutes, 40: bring_back})), teachable, clock=clock)
    setup.run()
    # Frames were classified all the time, with the examples from before.
    assert {result.prediction.label for result in setup.seen.results} == {"mug"}
    assert len(setup.seen.results) == 60
    troubled = [status for status in setup.statuses if status.problems]
    assert "was removed" in troubled[0].problems[0]
    assert setup.statuses[-1].problems == ()
    said = [record.message for record in caplog.records if "memory" in record.message or "taken" in record.message]
    assert len(said) == 2, "once when it began and once when it was over"


def test_a_damaged_memory_is_saved_while_frames_go_on(teachable: Classifier) -> None:
    for number in range(5):
        teachable.teach("mug", color_frame("red", number))
    memory = teachable.memory
    assert memory is not None

    def damage() -> None:
        # As a failing card leaves it: the first page is intact, and the others are zeros.
        with contextlib.closing(sqlite3.connect(memory.path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = memory.path.read_bytes()
        bad = memory.path.with_name("bad.db")
        bad.write_bytes(content[: PAGE_SIZE * 2] + bytes(len(content) - 2 * PAGE_SIZE))
        bad.replace(memory.path)

    setup = Setup(FakeSource(during(30, {10: damage})), teachable)
    setup.run()
    assert len(setup.seen.results) == 30
    assert memory.recovered is not None
    assert setup.statuses[-1].problems == ()
    # It can be taught again.
    teachable.teach("mug", color_frame("red"))
    assert labels_in(memory.path) == ["mug"]


def test_a_label_that_the_head_cannot_use_is_reported_and_frames_go_on(tiny: Path, tmp_path: Path) -> None:
    memory = tmp_path / "taught.db"

    def teach() -> None:
        with Classifier(tiny, memory=memory) as other:
            other.teach("mug", color_frame("red"))

    with Classifier(tiny, memory=memory, head="knn-regression") as gauge:
        setup = Setup(FakeSource(during(10, {5: teach})), gauge)
        setup.run()
    assert len(setup.seen.results) == 10
    assert "'mug' is not a number" in setup.statuses[-1].problems[0]


def test_examples_of_another_process_are_known_with_the_next_frame(teachable: Classifier, tmp_path: Path) -> None:
    def teach() -> None:
        with Classifier(teachable.model.file.path, memory=tmp_path / "taught.db") as other:
            other.teach("mug", color_frame("red"))

    setup = Setup(FakeSource(during(20, {10: teach})), teachable)
    setup.run()
    assert [result.prediction.label for result in setup.seen.results][-5:] == ["mug"] * 5
    assert setup.seen.results[0].prediction.label == "red"


# Reloading and stopping


class RequestsReload(FakeSupervisor):
    """Requests a reload after the first frame."""

    setup: Setup

    def watchdog(self) -> None:
        super().watchdog()
        if self.setup.main_loop.done == 1:
            self.setup.main_loop.request_reload()


def test_a_reload_happens_between_frames_and_the_supervisor_is_notified(colours: Classifier) -> None:
    reloaded: list[int] = []

    def refuse() -> str:
        reloaded.append(setup.main_loop.done)
        return "no such key"

    supervisor = RequestsReload()
    setup = supervisor.setup = Setup(Colours(["red"] * 5), colours, supervisor=supervisor, reload=refuse)
    setup.run()
    assert reloaded == [1]
    # Until a configuration is accepted, the status says that the last one was refused.
    assert setup.statuses[-1].problems == ("no such key",)
    calls = [kind for kind, _ in setup.supervisor.calls if kind in ("reloading", "ready")]
    assert calls[calls.index("reloading") :][:2] == ["reloading", "ready"]


def test_a_reload_before_the_first_frame_does_not_notify_that_it_is_ready(colours: Classifier) -> None:
    reloaded = threading.Event()

    def frames() -> Iterator[Frame]:
        assert reloaded.wait(PATIENCE)
        yield from ()

    setup = Setup(FakeSource(frames()), colours, reload=lambda: reloaded.set())
    setup.main_loop.request_reload()
    setup.run()
    assert not {"ready", "reloading"} & {kind for kind, _ in setup.supervisor.calls}


def test_replaced_parts_are_used_from_the_next_frame_on(colours: Classifier, tiny: Path) -> None:
    """One hand-over replaces classifier, states, sinks and command sources."""
    late, before, after = FakeSink(), FakeCommandSource(clock=FakeClock()), FakeCommandSource(clock=FakeClock())
    started: list[str] = []
    before.start = lambda *_: started.append("before")  # type: ignore[method-assign]
    after.start = lambda *_: started.append("after")  # type: ignore[method-assign]

    def reload() -> None:
        assert started == ["before"]
        sinks = (*setup.main_loop.parts.sinks, SinkQueue(late))
        states = States(smoothing_s=0, dwell_s=0)
        setup.main_loop.replace(Parts(other, states, sinks, (before, after)))

    supervisor = RequestsReload()
    with Classifier(tiny) as other:
        setup = supervisor.setup = Setup(Colours(["red"] * 5), colours, supervisor=supervisor, reload=reload)
        setup.main_loop.replace(replace(setup.main_loop.parts, command_sources=(before,)))
        assert started == [], "command sources are started with the run"
        setup.run()
    assert started == ["before", "after"], "each is started once"
    assert setup.main_loop.channels[0].classifier is other
    assert setup.events == [("entered", "red")], "the new states need no dwell time"
    assert isinstance(late.messages[0], Status)
    assert late.messages[0].kind == "running"
    assert [result.frame.index for result in late.results] == [1, 2, 3, 4]


def test_every_message_names_the_camera(teachable: Classifier) -> None:
    source, seen, clock = Colours(["red"] * 20), FakeSink(), FakeClock()
    parts = Parts(teachable, States(smoothing_s=0, dwell_s=0), (SinkQueue(seen, size=10_000),))
    main_loop = MainLoop(source, parts, clock=clock, supervisor=FakeSupervisor(), camera="door")
    main_loop.submit(command(frame=color_frame("blue")))
    main_loop.run()
    parts.sinks[0].close(PATIENCE)
    cameras = {
        type(message): message.frame.camera if isinstance(message, Result | Event) else message.camera
        for message in seen.messages
    }
    assert cameras == dict.fromkeys(get_args(Message), "door")
    assert str(seen.statuses[0]) == "door: running"


def test_stop_ends_an_endless_run_from_another_thread(colours: Classifier) -> None:
    class Stopping(FakeSink):
        def publish(self, message: Message) -> None:
            setup.main_loop.stop()

    source = FakeSource(itertools.repeat(color_frame("red")), live=True)
    setup = Setup(source, colours, [Stopping()])
    setup.run()
    assert source.closed
    assert setup.supervisor.calls[-1] == ("stopping", "")


def test_no_result_of_a_recording_is_dropped_however_slow_the_sink(colours: Classifier) -> None:
    read_ahead = threading.Event()

    class Slow(FakeSink):
        def publish(self, message: Message) -> None:
            assert read_ahead.wait(PATIENCE)
            super().publish(message)

    slow = Slow()
    setup = Setup(FakeSource(during(20, {4: read_ahead.set})), colours, queues=[SinkQueue(slow, size=1)])
    setup.run()
    assert len(slow.results) == 20


def test_a_camera_that_is_down_does_not_delay_the_end(colours: Classifier, caplog: pytest.LogCaptureFixture) -> None:
    def opener() -> FrameSource:
        raise GONE

    setup = Setup(Camera(opener, clock=(clock := FakeClock())), colours, clock=clock)
    setup.supervisor.watchdog = setup.main_loop.stop  # type: ignore[method-assign]
    setup.run()
    assert "does not end" not in caplog.text
