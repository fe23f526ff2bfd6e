"""The pipeline: which frames are inferred, in which order, in which buffers, and how it ends."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_cls.classifier import Classifier
from edge_cls.errors import ModelError, SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.runtime.handoff import Handoff
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.pipeline import STALE_S, STOP_TIMEOUT_S, Inferred, Pipeline
from edge_cls.runtime.ports import CapturedFrame, FrameSource
from edge_cls.testing import FakeClock, FakeSource
from tests.runtime.engine import NumberEngine, image, images, number_of

PATIENCE = 30.0
"""Seconds after which waiting for an event fails the test. If the code is right, no test waits that long."""


def pipeline(source: FrameSource, engine: NumberEngine | None = None) -> Pipeline[NumberEngine]:
    return Pipeline(source, engine or NumberEngine(), clock=FakeClock())


def take_all(running: Pipeline[NumberEngine]) -> Iterator[Inferred[NumberEngine]]:
    while (inferred := running.take(PATIENCE)) is not None:
        yield inferred
    assert running.ended


def numbers(source: FrameSource, engine: NumberEngine | None = None) -> list[int]:
    with pipeline(source, engine) as running:
        return [number_of(inferred.outputs) for inferred in take_all(running)]


def test_every_frame_of_a_recording_is_inferred_in_order() -> None:
    source = FakeSource(images(100))
    with pipeline(source) as running:
        seen = [(inferred.info.index, number_of(inferred.outputs)) for inferred in take_all(running)]
    assert seen == [(number, number) for number in range(100)]
    assert running.dropped == 0
    assert source.closed


def test_a_recording_waits_for_inference() -> None:
    read_ahead = threading.Event()

    def recording() -> Iterator[Frame]:
        yield image(0)
        yield image(1)
        read_ahead.set()
        yield image(2)

    def infer_0_last(number: int) -> None:
        assert number or read_ahead.wait(PATIENCE)

    assert numbers(FakeSource(recording()), NumberEngine(infer_0_last)) == [0, 1, 2]


def test_of_a_live_source_the_newest_frame_wins() -> None:
    inferring, moved_on, taken = threading.Event(), threading.Event(), threading.Event()

    def camera() -> Iterator[Frame]:
        yield image(0)
        assert inferring.wait(PATIENCE)
        yield from (image(1), image(2), image(3))
        # The source is read again only after frame 3 has been handed over.
        moved_on.set()

    def infer(number: int) -> None:
        inferring.set()
        assert moved_on.wait(PATIENCE)
        assert number == 0 or taken.wait(PATIENCE)

    source = FakeSource(camera(), live=True)
    with pipeline(source, NumberEngine(infer)) as running:
        first = running.take(PATIENCE)
        taken.set()
        last = running.take(PATIENCE)
    assert first is not None
    assert last is not None
    assert number_of(first.outputs) == 0
    assert (last.info.index, number_of(last.outputs)) == (3, 3)
    assert running.dropped == 2


def test_leaving_ends_even_an_endless_source() -> None:
    for live in (False, True):
        source = FakeSource(itertools.repeat(image(7)), live=live)
        with pipeline(source) as running:
            inferred = running.take(PATIENCE)
        assert inferred is not None
        assert number_of(inferred.outputs) == 7
        assert source.closed


def test_an_empty_source_gives_nothing() -> None:
    source = FakeSource([])
    assert numbers(source) == []
    assert source.closed


def test_a_failing_source_is_reported_after_the_frames_before_it() -> None:
    source = FakeSource(images(5), failure=SourceError("the camera is gone", hint="plug it in"))
    seen: list[int] = []
    with pytest.raises(SourceError, match="the camera is gone; plug it in"), pipeline(source) as running:
        seen.extend(number_of(inferred.outputs) for inferred in take_all(running))
    assert seen == [0, 1, 2, 3, 4]
    assert source.closed


def test_a_failing_model_is_reported_and_the_source_is_closed() -> None:
    def fail(_: int) -> None:
        raise ModelError("the model fails", hint="take another")

    for live in (False, True):
        source = FakeSource(itertools.repeat(image(1)), live=live)
        with pytest.raises(ModelError, match="the model fails"), pipeline(source, NumberEngine(fail)) as running:
            running.take(PATIENCE)
        assert source.closed


def test_the_source_is_closed_after_its_last_read() -> None:
    class Watched(FakeSource):
        reader = threading.current_thread()

        def read(self, into: Frame | None = None) -> CapturedFrame | None:
            self.reader = threading.current_thread()
            return super().read(into)

        def close(self) -> None:
            assert not self.reader.is_alive()
            super().close()

    source = Watched(itertools.repeat(image(1)), live=True)
    with pipeline(source) as running:
        running.take(PATIENCE)
    assert source.closed
    assert source.reader is not threading.current_thread()


def test_a_driver_that_is_asleep_does_not_keep_the_process(caplog: pytest.LogCaptureFixture) -> None:
    asleep, awake = threading.Event(), threading.Event()

    def camera() -> Iterator[Frame]:
        yield image(1)
        asleep.set()
        awake.wait(PATIENCE)

    source = FakeSource(camera(), live=True)
    with pipeline(source) as running:
        assert asleep.wait(PATIENCE)
    assert not source.closed, "closed under a thread that reads it"
    assert "the thread capture does not end" in caplog.text
    awake.set()
    running._threads[0].join(PATIENCE)


class Filling:
    """Writes frames into the given buffers, as a camera does, and remembers the buffers."""

    live = False

    def __init__(self, count: int) -> None:
        self.buffers: set[int] = set()
        self._numbers = iter(range(count))

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        if (number := next(self._numbers, None)) is None:
            return None
        frame = np.empty((8, 8, 3), np.uint8) if into is None else into
        frame[:] = number
        self.buffers.add(frame.ctypes.data)
        return CapturedFrame(FrameInfo(number, 0.0, 0.0, "fake"), frame, frame.copy)

    def close(self) -> None:
        pass


def test_two_images_and_three_inputs_go_round() -> None:
    source, engine = Filling(200), NumberEngine()
    assert numbers(source, engine) == list(range(200))
    assert len(source.buffers) == 2
    assert len(engine.buffers) <= 3


def test_a_snapshot_is_a_copy_of_the_newest_frame() -> None:
    last_is_read = threading.Event()

    class Change(Filling):
        def read(self, into: Frame | None = None) -> CapturedFrame | None:
            frame = super().read(into)
            if frame is None:
                last_is_read.set()
            return frame

    source = Change(5)
    with pipeline(source) as running:
        list(take_all(running))
        assert last_is_read.wait(PATIENCE)
        snapshot = running.snapshot()
        assert snapshot is not None
        assert snapshot.info.index == 4
        assert (snapshot.image == 4).all()
        assert snapshot.image.ctypes.data not in source.buffers
        running.forget_latest()
        assert running.snapshot() is None


def test_a_frame_of_the_past_is_no_snapshot() -> None:
    """A camera may stall for many seconds before it counts as down."""
    stalled, over = threading.Event(), threading.Event()

    def camera() -> Iterator[Frame]:
        yield image(1)
        stalled.set()
        over.wait(PATIENCE)

    clock = FakeClock()
    with Pipeline(FakeSource(camera(), live=True), NumberEngine(), clock=clock) as running:
        assert stalled.wait(PATIENCE)
        clock.sleep(STALE_S)
        assert running.snapshot() is not None
        clock.sleep(0.1)
        assert running.snapshot() is None
        over.set()


def test_the_last_frame_of_a_recording_is_not_lost_to_whoever_was_woken_before_it() -> None:
    arrived = threading.Event()

    def infer(_: int) -> None:
        assert arrived.wait(PATIENCE)

    with pipeline(FakeSource(images(1)), NumberEngine(infer)) as running:
        running.wake()
        assert running.take(PATIENCE) is None
        arrived.set()
        for thread in running._threads:
            thread.join(PATIENCE)
        assert not running.ended
        assert running.take(PATIENCE) is not None
        assert running.ended


def test_there_is_no_snapshot_before_the_first_frame() -> None:
    assert pipeline(FakeSource([])).snapshot() is None


def test_taking_can_be_woken_before_and_while_it_waits() -> None:
    handoff: Handoff[int] = Handoff()
    handoff.wake()
    assert handoff.take() is None
    waker = threading.Timer(0, handoff.wake)
    waker.start()
    assert handoff.take(PATIENCE) is None
    waker.join()


def test_a_closed_handoff_refuses_items_and_returns_its_last_one() -> None:
    handoff: Handoff[int] = Handoff()
    assert handoff.put(1, wait=True) is None
    handoff.close()
    assert handoff.take() == 1
    assert handoff.take() is None
    assert handoff.put(2, wait=True) == 2
    assert handoff.put(2, wait=False) == 2


def test_the_engine_may_be_replaced_between_frames() -> None:
    source, first, second = FakeSource(images(50)), NumberEngine(), NumberEngine()
    with pipeline(source, first) as running:
        seen: list[Inferred[NumberEngine]] = []
        for inferred in take_all(running):
            seen.append(inferred)
            if len(seen) == 10:
                running.engine = second
    assert [number_of(one.outputs) for one in seen] == list(range(50))
    switch = [one.engine is second for one in seen]
    assert switch == sorted(switch)
    assert switch[-1]
    assert not switch[9]


def paced(source: FrameSource, max_fps: float) -> tuple[list[int], float]:
    """Return the inferences at the rate of `max_fps`, and the seconds that they took by the clock."""
    clock = FakeClock(now=0.0)
    governor = FrameRateGovernor(max_fps=max_fps, clock=clock, temperature=lambda: None, undervoltage=lambda: False)
    with Pipeline(source, NumberEngine(), clock=clock, governor=governor) as running:
        seen = [number_of(inferred.outputs) for inferred in take_all(running)]
    return seen, clock.monotonic()


def test_a_recording_is_slowed_down_and_loses_nothing() -> None:
    seen, seconds = paced(FakeSource(images(11)), 5.0)
    assert seen == list(range(11))
    assert seconds == pytest.approx(2.0)


def test_leaving_does_not_wait_for_the_next_frame_of_a_slow_recording(caplog: pytest.LogCaptureFixture) -> None:
    class Waiting(FakeClock):
        def sleep(self, seconds: float, /) -> None:
            slept.append(seconds)
            waiting.set()
            left.wait(PATIENCE)
            super().sleep(seconds)

    slept: list[float] = []
    waiting, left = threading.Event(), threading.Event()
    clock = Waiting(now=0.0)
    governor = FrameRateGovernor(max_fps=0.1, clock=clock, temperature=lambda: None, undervoltage=lambda: False)
    source = FakeSource(images(3))
    with Pipeline(source, NumberEngine(), clock=clock, governor=governor) as running:
        assert waiting.wait(PATIENCE)
        running._prepared.close()
        left.set()
    assert source.closed
    assert len(slept) == 1
    assert slept[0] < STOP_TIMEOUT_S
    assert "does not end" not in caplog.text


def test_frames_of_a_camera_that_come_too_soon_are_not_inferred() -> None:
    """The frames of FakeSource are captured at intervals of one second."""

    class Taken(FakeSource):
        live = True

        def read(self, into: Frame | None = None) -> CapturedFrame | None:
            frame = super().read(into)
            settled.wait(PATIENCE)
            settled.clear()
            return frame

    settled = threading.Event()
    settled.set()
    clock = FakeClock(now=0.0)
    governor = FrameRateGovernor(max_fps=0.25, clock=clock, temperature=lambda: None, undervoltage=lambda: False)
    due = governor.due

    def reported(captured: float) -> bool:
        verdict = due(captured)
        if not verdict:
            settled.set()
        return verdict

    governor.due = reported  # type: ignore[method-assign]
    source = Taken(images(9), live=True)
    seen = []
    with Pipeline(source, NumberEngine(), clock=clock, governor=governor) as running:
        for inferred in take_all(running):
            seen.append(number_of(inferred.outputs))
            settled.set()
    assert seen == [0, 4, 8]


def test_nothing_of_a_frames_size_is_allocated_after_the_first_frames(tiny: Path) -> None:
    class Large(Filling):
        def read(self, into: Frame | None = None) -> CapturedFrame | None:
            if (number := next(self._numbers, None)) is None:
                return None
            frame = np.empty((480, 640, 3), np.uint8) if into is None else into
            frame[:] = number % 256
            return CapturedFrame(FrameInfo(number, 0.0, 0.0, "fake"), frame)

    with Classifier(tiny) as classifier, Pipeline(Large(60), classifier, clock=FakeClock()) as running:
        for _ in range(20):
            running.take(PATIENCE)
        tracemalloc.start()
        while (inferred := running.take(PATIENCE)) is not None:
            classifier.decide(inferred.outputs)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert inferred is None
    assert peak < 480 * 640 * 3 / 4
