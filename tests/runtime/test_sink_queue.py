"""A slow, dead, flapping or hanging sink stops nothing, and its lost messages are counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from edge_cls.classifier import Prediction
from edge_cls.errors import OutputError
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, FrameInfo, Message, Result, Status
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import Transition
from edge_cls.testing import FakeClock, FakeSink

PATIENCE = 30.0
"""Seconds after which waiting for an event fails the test. If the code is right, no test waits that long."""


def frame_info(number: int) -> FrameInfo:
    return FrameInfo(number, float(number), float(number), "fake")


def result(number: int) -> Result:
    return Result(frame_info(number), Prediction((), known=0.0), 0.01)


def event(number: int) -> Event:
    return Event(frame_info(number), Transition("entered", "mug", None, 0.9, 0.8, number, number, 3), 0.01)


def status(number: int) -> Status:
    return Status(float(number), "running", "")


def stored(number: int) -> CommandResult:
    return CommandResult("teach", "stored", "mug", "mug: 1 taught", "button 5", float(number))


def accepted(number: int) -> CommandAccepted:
    return CommandAccepted("teach", "mug", "button 5", float(number))


MAKERS: tuple[Callable[[int], Message], ...] = (result, event, status, stored, accepted)


def number_of(message: Message) -> int:
    return message.frame.index if isinstance(message, Result | Event) else int(message.timestamp)


class HeldSink(FakeSink):
    """Stays in its first `publish` until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release, self.closed = threading.Event(), threading.Event(), threading.Event()

    def publish(self, message: Message) -> None:
        super().publish(message)
        self.entered.set()
        assert self.release.wait(PATIENCE)

    def close(self) -> None:
        self.closed.set()


class FailingSink(FakeSink):
    """Fails with what `failure` makes of a message's number, and counts in `delivered` the others."""

    def __init__(self, failure: Callable[[int], Exception | None]) -> None:
        super().__init__()
        self.failure = failure
        self.delivered = threading.Semaphore(0)

    def publish(self, message: Message) -> None:
        failure = self.failure(number_of(message))
        if failure is not None:
            raise failure
        super().publish(message)
        self.delivered.release()


@pytest.fixture
def held() -> Iterator[HeldSink]:
    """A sink that is released at the end of the test in any case."""
    sink = HeldSink()
    yield sink
    sink.release.set()


def held_queue(sink: HeldSink, *, size: int) -> SinkQueue:
    """Return a queue without messages, whose sink is busy with result 0."""
    sink_queue = SinkQueue(sink, size=size)
    sink_queue.offer(result(0), wait=False)
    assert sink.entered.wait(PATIENCE)
    return sink_queue


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_messages_arrive_in_order_and_all_of_them() -> None:
    sink = FakeSink()
    sink_queue = SinkQueue(sink, size=4)
    for number in range(500):
        sink_queue.offer(MAKERS[number % len(MAKERS)](number), wait=True)
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in sink.messages] == list(range(500))
    assert (sink_queue.dropped, sink_queue.failures, sink_queue.problem) == (0, 0, None)


def test_only_what_the_sink_wants_is_queued() -> None:
    class Events:
        wants = (Event,)

        def __init__(self) -> None:
            self.messages: list[Message] = []

        def publish(self, message: Message) -> None:
            self.messages.append(message)

        def close(self) -> None:
            pass

    sink = Events()
    sink_queue = SinkQueue(sink, size=1)
    for number in range(10):
        sink_queue.offer(result(number), wait=False)
    sink_queue.offer(event(10), wait=False)
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in sink.messages] == [10]
    assert sink_queue.dropped == 0


def test_a_slow_sink_delays_nothing_and_loses_the_oldest_results_counted_exactly(
    held: HeldSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink_queue = held_queue(held, size=3)
    for number in range(1, 1001):
        sink_queue.offer(result(number), wait=False)
    assert sink_queue.dropped == 997
    assert sink_queue.problem == "sink HeldSink is too slow, and messages are dropped"
    assert warnings(caplog) == ["sink HeldSink is too slow, and messages are dropped"]
    held.release.set()
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in held.messages] == [0, 998, 999, 1000]


def test_results_are_dropped_before_statuses_and_statuses_before_events_and_command_results(held: HeldSink) -> None:
    sink_queue = held_queue(held, size=4)
    offered: list[Message] = [
        event(1),
        status(2),
        result(3),
        status(4),
        stored(5),
        event(6),
        result(7),
        stored(8),
        event(9),
    ]
    went = [None, None, None, None, 3, 2, 7, 4, 1]  # result 7 was the least important, event 9 met only equals
    for message, dropped in zip(offered, went, strict=True):
        before = {number_of(one) for one in sink_queue._queue} | {number_of(message)}
        sink_queue.offer(message, wait=False)
        assert before - {number_of(one) for one in sink_queue._queue} == ({dropped} - {None})
    assert sink_queue.dropped == 5
    held.release.set()
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in held.messages] == [0, 5, 6, 8, 9]


def test_accepted_commands_are_dropped_after_results_and_before_statuses(held: HeldSink) -> None:
    sink_queue = held_queue(held, size=3)
    for message in (status(1), accepted(2), result(3), stored(4), stored(5)):
        sink_queue.offer(message, wait=False)
    held.release.set()
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in held.messages] == [0, 1, 4, 5]


def test_a_recording_waits_for_room(held: HeldSink) -> None:
    sink_queue = held_queue(held, size=1)
    sink_queue.offer(result(1), wait=True)
    offered = threading.Event()

    def offer() -> None:
        sink_queue.offer(result(2), wait=True)
        offered.set()

    threading.Thread(target=offer, daemon=True).start()
    assert not offered.is_set()
    held.release.set()
    assert offered.wait(PATIENCE)
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in held.messages] == [0, 1, 2]
    assert sink_queue.dropped == 0


def test_waiting_for_room_ends_when_the_queue_is_closed(held: HeldSink) -> None:
    sink_queue = held_queue(held, size=1)
    sink_queue.offer(result(1), wait=True)
    waiter = threading.Thread(target=sink_queue.offer, args=(result(2),), kwargs={"wait": True}, daemon=True)
    waiter.start()
    sink_queue.close(0.0)
    waiter.join(PATIENCE)
    assert not waiter.is_alive()
    assert sink_queue.dropped == 2


def test_waiting_for_the_end_can_be_cancelled(held: HeldSink) -> None:
    """The reader of a recording's output may have stopped reading when Ctrl-C is pressed."""
    sink_queue = held_queue(held, size=2)
    sink_queue.offer(result(1), wait=True)
    closer = threading.Thread(target=sink_queue.close, args=(None,), daemon=True)
    closer.start()
    sink_queue.cancel_wait()
    closer.join(PATIENCE)
    assert not closer.is_alive()
    assert sink_queue.dropped == 1


def test_waiting_for_room_can_be_cancelled(held: HeldSink, caplog: pytest.LogCaptureFixture) -> None:
    sink_queue = held_queue(held, size=1)
    sink_queue.offer(result(1), wait=True)
    waiter = threading.Thread(target=sink_queue.offer, args=(result(2),), kwargs={"wait": True}, daemon=True)
    waiter.start()
    sink_queue.cancel_wait()
    waiter.join(PATIENCE)
    assert not waiter.is_alive()
    held.release.set()
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in held.messages] == [0, 2]
    assert warnings(caplog) == [], "the sink is no slower than it was"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), OutputError("full", hint="make room")])
def test_a_dead_sink_stops_nothing_and_is_reported_once(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sink_queue = SinkQueue(FailingSink(lambda _: failure), name="card")
    for number in range(1000):
        sink_queue.offer(event(number), wait=True)
    sink_queue.close(PATIENCE)
    assert (sink_queue.failures, sink_queue.dropped) == (1000, 0)
    assert sink_queue.problem == f"sink card fails: {failure}"
    assert warnings(caplog) == [f"sink card fails: {failure}"]
    assert len(caplog.records) == 2


def test_a_bug_in_a_sink_is_reported_with_its_traceback_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sink = FailingSink(lambda number: ZeroDivisionError("a bug") if number < 3 else None)
    sink_queue = SinkQueue(sink, name="buggy")
    for number in range(5):
        sink_queue.offer(event(number), wait=True)
    sink_queue.close(PATIENCE)
    assert [number_of(message) for message in sink.messages] == [3, 4]
    assert sink_queue.failures == 3
    assert warnings(caplog) == ["sink buggy fails: ZeroDivisionError: a bug"]
    assert "in publish" in caplog.text


def test_a_flapping_sink_is_one_problem_with_a_bounded_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    sink = FailingSink(lambda number: OSError("odd") if number % 2 else None)
    sink_queue = SinkQueue(sink, name="flaky", clock=clock)
    problems = set()
    for number in range(10_000):
        clock.sleep(0.1)
        sink_queue.offer(event(number), wait=True)
        problems.add(sink_queue.problem)
    sink_queue.close(PATIENCE)
    assert sink_queue.failures == len(sink.messages) == 5000
    assert len(caplog.records) == 2
    assert problems <= {None, "sink flaky fails: odd"}


def test_a_sink_that_works_again_is_reported_when_it_has_done_so_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock, sink = FakeClock(), FailingSink(lambda number: OSError("gone") if number < 7 else None)
    sink_queue = SinkQueue(sink, name="stick", clock=clock, calm_s=60.0)
    for number in range(8):
        sink_queue.offer(event(number), wait=True)
    assert sink.delivered.acquire(timeout=PATIENCE)
    assert sink_queue.problem == "sink stick fails: gone"
    clock.sleep(61.0)
    sink_queue.offer(event(8), wait=True)
    sink_queue.close(PATIENCE)
    assert sink_queue.problem is None
    assert "sink stick works again; 7 messages were lost" in caplog.messages


def test_calm_is_seen_without_a_further_message(caplog: pytest.LogCaptureFixture) -> None:
    """The next message may come much later; the problem must not last that long."""
    caplog.set_level(logging.INFO)
    settled = threading.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "works again" in record.getMessage():
                settled.set()

    logger, watch = logging.getLogger("edge_cls.runtime.sink_queue"), Watch()
    logger.addHandler(watch)
    try:
        sink_queue = SinkQueue(FailingSink(lambda number: OSError("gone") if number == 0 else None), calm_s=0.01)
        sink_queue.offer(event(0), wait=True)
        sink_queue.offer(event(1), wait=True)
        assert settled.wait(PATIENCE)
        assert sink_queue.problem is None
        sink_queue.close(PATIENCE)
    finally:
        logger.removeHandler(watch)


def test_a_sink_that_still_fails_has_a_problem_however_long_nothing_happens() -> None:
    sink_queue = SinkQueue(FailingSink(lambda _: OSError("gone")), name="stick", calm_s=0.0)
    sink_queue.offer(event(0), wait=True)
    sink_queue.close(PATIENCE)
    assert sink_queue.problem == "sink stick fails: gone"


def test_the_error_of_an_essential_sink_ends_the_run() -> None:
    sink_queue = SinkQueue(
        FailingSink(lambda number: BrokenPipeError("head left") if number == 3 else None), essential=True
    )
    with pytest.raises(BrokenPipeError, match="head left"):
        offer_for_ever(sink_queue)
    with pytest.raises(BrokenPipeError, match="head left"):
        sink_queue.close(PATIENCE)
    sink_queue.close(PATIENCE)


def offer_for_ever(sink_queue: SinkQueue) -> None:
    for number in range(1_000_000):
        sink_queue.offer(result(number), wait=True)


def test_waiting_for_an_essential_sink_ends_with_its_error() -> None:
    ready = threading.Event()

    class Pipe(FakeSink):
        def publish(self, message: Message) -> None:
            assert ready.wait(PATIENCE)
            with sink_queue._changed:
                assert sink_queue._changed.wait_for(lambda: len(sink_queue._queue) == 1, PATIENCE)
            raise BrokenPipeError(str(number_of(message)))

    sink_queue = SinkQueue(Pipe(), size=1, essential=True)
    raised: list[Exception] = []

    def offer() -> None:
        try:
            offer_for_ever(sink_queue)
        except BrokenPipeError as error:
            raised.append(error)

    waiter = threading.Thread(target=offer, daemon=True)
    waiter.start()
    ready.set()
    waiter.join(PATIENCE)
    assert [str(error) for error in raised] == ["0"]


def test_close_delivers_the_queued_messages_and_closes_the_sink_once(held: HeldSink) -> None:
    sink_queue = held_queue(held, size=10)
    for number in range(1, 8):
        sink_queue.offer(result(number), wait=False)
    held.release.set()
    sink_queue.close(PATIENCE)
    sink_queue.close(PATIENCE)
    assert len(held.messages) == 8
    assert held.closed.is_set()
    sink_queue.offer(result(9), wait=False)
    assert sink_queue.dropped == 1
    assert len(held.messages) == 8


def test_a_sink_that_hangs_is_left_behind_and_closed_should_it_ever_return(
    held: HeldSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink_queue = held_queue(held, size=10)
    for number in range(1, 8):
        sink_queue.offer(result(number), wait=False)
    sink_queue.close(0.0)
    assert sink_queue.dropped == 7
    assert warnings(caplog) == ["sink HeldSink did not finish in time; 7 messages were dropped"]
    assert sink_queue._thread.daemon
    held.release.set()
    assert held.closed.wait(PATIENCE)
    assert [number_of(message) for message in held.messages] == [0]


def test_a_sink_that_fails_to_close_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Unclosable(FakeSink):
        def close(self) -> None:
            raise OSError("stuck")

    SinkQueue(Unclosable(), name="stiff").close(PATIENCE)
    assert warnings(caplog) == ["sink stiff fails: stuck"]
    with pytest.raises(OSError, match="stuck"):
        SinkQueue(Unclosable(), essential=True).close(PATIENCE)
