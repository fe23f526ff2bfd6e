"""Capture, infer, publish: capture runs beside inference, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from edge_cls.classifier import Prediction
from edge_cls.preprocess import Frame
from edge_cls.runtime.messages import Result
from edge_cls.runtime.ports import CapturedFrame, Clock, FrameSource, Sink


class Handoff:
    """The one frame between capture and inference.

    `put` replaces a frame that nobody took yet, or, with `wait`, waits until it was taken.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: CapturedFrame | None = None
        self._closed = False

    def put(self, frame: CapturedFrame, *, wait: bool) -> bool:
        """Hand over `frame`. Returns False once the hand-off is closed."""
        with self._changed:
            while wait and self._frame is not None and not self._closed:
                self._changed.wait()
            self._frame = frame
            self._changed.notify_all()
            return not self._closed

    def take(self) -> CapturedFrame | None:
        """Return the newest frame, waiting for it; None once the hand-off is closed and empty."""
        with self._changed:
            while self._frame is None and not self._closed:
                self._changed.wait()
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            return frame

    def close(self) -> None:
        """Say that no more frames come, or are wanted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Pipeline:
    """Reads `source`, classifies each frame with `classify`, and tells `sinks`."""

    def __init__(
        self, source: FrameSource, classify: Callable[[Frame], Prediction], sinks: Sequence[Sink], *, clock: Clock
    ) -> None:
        self._source = source
        self._classify = classify
        self._sinks = sinks
        self._clock = clock
        self._failure: BaseException | None = None

    def run(self, max_frames: int | None = None) -> int:
        """Classify frames until the source ends, or `max_frames` are done, and return how many there were.

        An error of the source is raised here, after the frames before it have been published. The source is closed at
        the end, however that comes.
        """
        handoff = Handoff()
        capture = threading.Thread(target=self._capture, args=(handoff,), name="capture", daemon=True)
        capture.start()
        done = 0
        try:
            while (max_frames is None or done < max_frames) and (frame := handoff.take()) is not None:
                prediction = self._classify(frame.image)
                result = Result(frame.origin, prediction, self._clock.monotonic() - frame.origin.captured)
                for sink in self._sinks:
                    sink.publish(result)
                done += 1
        finally:
            handoff.close()
            capture.join()
            self._source.close()
        if self._failure is not None and (max_frames is None or done < max_frames):
            raise self._failure
        return done

    def _capture(self, handoff: Handoff) -> None:
        try:
            while (frame := self._source.read()) is not None:
                if not handoff.put(frame, wait=not self._source.live):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that called run
            self._failure = error
        finally:
            handoff.close()
