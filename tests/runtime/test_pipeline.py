"""Capture beside inference: what is classified, in which order, and how it ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge_cls.classifier import Prediction, Score
from edge_cls.errors import ModelError, OutputError, SourceError
from edge_cls.preprocess import Frame
from edge_cls.runtime.pipeline import Handoff, Pipeline
from edge_cls.runtime.ports import CapturedFrame, FrameSource, Result
from edge_cls.testing import FakeClock, FakeSink, FakeSource

PATIENCE = 30.0
"""Seconds after which a test that waits for an event has failed; none waits that long where the code is right."""


def image(number: int) -> Frame:
    return np.full((8, 8, 3), number, np.uint8)


def images(count: int) -> list[Frame]:
    return [image(number) for number in range(count)]


def tell_number(frame: Frame) -> Prediction:
    """Classify a frame as the number that it was filled with."""
    return Prediction((Score(str(frame[0, 0, 0]), 1.0),), unknown=False)


def pipeline(source: FrameSource, sink: FakeSink, classify: Callable[[Frame], Prediction] = tell_number) -> Pipeline:
    return Pipeline(source, classify, [sink], clock=FakeClock())


def labels(sink: FakeSink) -> list[str | None]:
    return [result.prediction.label for result in sink.results]


def test_every_frame_of_a_recording_is_classified_in_order() -> None:
    source, sink = FakeSource(images(100)), FakeSink()
    assert pipeline(source, sink).run() == 100
    assert labels(sink) == [str(number) for number in range(100)]
    assert [result.frame.index for result in sink.results] == list(range(100))
    assert source.closed


def test_a_recording_waits_for_inference() -> None:
    read_ahead = threading.Event()

    def recording() -> Iterator[Frame]:
        yield image(0)
        yield image(1)
        read_ahead.set()
        yield image(2)

    def classify_0_last(frame: Frame) -> Prediction:
        assert read_ahead.wait(PATIENCE)
        return tell_number(frame)

    sink = FakeSink()
    pipeline(FakeSource(recording()), sink, classify_0_last).run()
    assert labels(sink) == ["0", "1", "2"]


def test_of_a_live_source_the_newest_frame_wins() -> None:
    inferring, moved_on = threading.Event(), threading.Event()

    def camera() -> Iterator[Frame]:
        yield image(0)
        assert inferring.wait(PATIENCE)
        yield from (image(1), image(2), image(3))
        # The source is read again only after frame 3 has been handed over.
        moved_on.set()

    def classify(frame: Frame) -> Prediction:
        inferring.set()
        assert moved_on.wait(PATIENCE)
        return tell_number(frame)

    sink = FakeSink()
    assert pipeline(FakeSource(camera(), live=True), sink, classify).run() == 2
    assert labels(sink) == ["0", "3"]
    assert sink.results[1].frame.index == 3


@pytest.mark.parametrize("live", [False, True])
def test_max_frames_ends_even_an_endless_source(live: bool) -> None:
    source, sink = FakeSource(itertools.repeat(image(7)), live=live), FakeSink()
    assert pipeline(source, sink).run(max_frames=3) == 3
    assert labels(sink) == ["7"] * 3
    assert source.closed


def test_an_empty_source_gives_no_results() -> None:
    source, sink = FakeSource([]), FakeSink()
    assert pipeline(source, sink).run() == 0
    assert sink.results == []
    assert source.closed


def test_a_failing_source_is_told_after_the_frames_before_it() -> None:
    source = FakeSource(images(5), failure=SourceError("the camera is gone", mend="plug it in"))
    sink = FakeSink()
    with pytest.raises(SourceError, match="the camera is gone; plug it in"):
        pipeline(source, sink).run()
    assert labels(sink) == ["0", "1", "2", "3", "4"]
    assert source.closed


def test_a_source_that_fails_behind_the_last_wanted_frame_is_no_failure() -> None:
    source = FakeSource(images(2), failure=SourceError("the end", mend="none needed"))
    assert pipeline(source, FakeSink()).run(max_frames=2) == 2
    assert source.closed


@pytest.mark.parametrize("live", [False, True])
def test_a_failing_model_ends_the_run_and_closes_the_source(live: bool) -> None:
    def fail(_: Frame) -> Prediction:
        raise ModelError("the model fails", mend="take another")

    source, sink = FakeSource(itertools.repeat(image(1)), live=live), FakeSink()
    with pytest.raises(ModelError, match="the model fails"):
        pipeline(source, sink, fail).run()
    assert sink.results == []
    assert source.closed


def test_a_failing_sink_ends_the_run_and_closes_the_source() -> None:
    class FullSink:
        def publish(self, result: Result) -> None:
            raise OutputError(f"no place for frame {result.frame.index}", mend="free some space")

    source = FakeSource(itertools.repeat(image(1)))
    with pytest.raises(OutputError, match="no place for frame 0"):
        Pipeline(source, tell_number, [FullSink()], clock=FakeClock()).run()
    assert source.closed


def test_the_source_is_closed_once_nobody_reads_it() -> None:
    class Watched(FakeSource):
        reader = threading.current_thread()

        def read(self) -> CapturedFrame | None:
            self.reader = threading.current_thread()
            return super().read()

        def close(self) -> None:
            assert not self.reader.is_alive()
            super().close()

    source = Watched(itertools.repeat(image(1)), live=True)
    pipeline(source, FakeSink()).run(max_frames=3)
    assert source.closed
    assert source.reader is not threading.current_thread()


def test_every_sink_is_told_and_latency_runs_from_capture_to_result() -> None:
    clock, sinks = FakeClock(now=100.0), [FakeSink(), FakeSink()]

    def take_a_second(frame: Frame) -> Prediction:
        clock.sleep(1.0)
        return tell_number(frame)

    Pipeline(FakeSource(images(3)), take_a_second, sinks, clock=clock).run()
    # The frames were captured at 0, 1 and 2.
    assert [result.latency for result in sinks[0].results] == [101.0, 101.0, 101.0]
    assert sinks[1].results == sinks[0].results


def test_a_closed_handoff_takes_no_frame_and_gives_none() -> None:
    handoff = Handoff()
    handoff.close()
    assert handoff.take() is None
    frame = CapturedFrame(0, 0.0, 0.0, image(0), "fake")
    assert not handoff.put(frame, wait=True)
    assert not handoff.put(frame, wait=False)
