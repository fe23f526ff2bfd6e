"""From frames to inferences: capture and preprocessing in one thread, the interpreter in another.

One frame at a time is handed over between the threads. The newest frame of a live source replaces the one before; every
frame of a recording waits until it is taken. After the first frames, no memory of a frame's size is allocated any more:
two images and three inputs are reused.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from edge_cls.images.preprocess import Frame
from edge_cls.model.model import Outputs
from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.runtime.handoff import Handoff
from edge_cls.runtime.messages import DEFAULT_CAMERA, FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock, FrameSource
from edge_cls.runtime.timings import Stages

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 1.0
"""Seconds that each thread has to end."""
STALE_S = 2.0
"""Seconds after which the newest frame is too old to be taught: the scene may have changed."""
_SLICE = 0.25
"""Seconds of sleep after which is checked whether the pipeline was closed."""
EngineT = TypeVar("EngineT", bound="Engine")


class Engine(Protocol):
    """Turns frames into inferences: a `Classifier`, or a fake."""

    def prepare(self, frame: Frame, into: Frame | None = None) -> Frame:
        """Return the model's input for `frame`, written into `into` if its shape fits."""

    def infer(self, pixels: Frame) -> Outputs:
        """Return the model's raw outputs for a prepared input."""


@dataclass(frozen=True, eq=False)
class Inferred(Generic[EngineT]):
    """The raw outputs of `engine` for a frame."""

    info: FrameInfo
    engine: EngineT
    outputs: Outputs


@dataclass(frozen=True, eq=False)
class _Prepared(Generic[EngineT]):
    info: FrameInfo
    engine: EngineT
    pixels: Frame


class Pipeline(Generic[EngineT]):
    """Reads `source`, and runs `engine` on its frames, in two threads between `__enter__` and `__exit__`.

    `camera` is the name of the source in all frames. `governor` skips or delays frames that come too soon.
    """

    def __init__(
        self,
        source: FrameSource,
        engine: EngineT,
        *,
        camera: str = DEFAULT_CAMERA,
        clock: Clock,
        governor: FrameRateGovernor | None = None,
        stages: Stages | None = None,
    ) -> None:
        self.camera = camera
        self.engine = engine
        self.governor = governor
        self.stages = stages or Stages()
        self.dropped = 0
        self._source = source
        self._clock = clock
        self._failure: BaseException | None = None
        self._latest: CapturedFrame | None = None
        self._latest_at = 0.0
        self._latest_lock = threading.Lock()
        self._free: deque[Frame] = deque()
        self._prepared: Handoff[_Prepared[EngineT]] = Handoff()
        self._inferred: Handoff[Inferred[EngineT]] = Handoff()
        works = (("capture", self._capture, self._prepared), ("infer", self._infer, self._inferred))
        self._threads = [
            threading.Thread(target=self._guarded, args=(work, after), name=name, daemon=True)
            for name, work, after in works
        ]

    @property
    def ended(self) -> bool:
        """Whether the source has ended and all of its inferences have been taken."""
        return self._inferred.exhausted

    def take(self, timeout: float | None = None) -> Inferred[EngineT] | None:
        """Return the next inference; None after `timeout` seconds, when woken, or when the source has ended.

        Raises the error of the source or of the engine, after all earlier inferences have been taken.
        """
        inferred = self._inferred.take(timeout)
        if inferred is None and self.ended and self._failure is not None:
            raise self._failure
        return inferred

    def wake(self) -> None:
        """Make `take` return at once."""
        self._inferred.wake()

    def replace(self, engine: EngineT, governor: FrameRateGovernor | None) -> None:
        """Use another engine and governor from the next frame on."""
        self.engine, self.governor = engine, governor

    def snapshot(self) -> CapturedFrame | None:
        """Return a copy of the newest frame in its full resolution; None if there is none, or none for STALE_S."""
        with self._latest_lock:
            if self._latest is None or (self._source.live and self._clock.monotonic() - self._latest_at > STALE_S):
                return None
            frame = self._latest
            image = frame.image.copy() if frame.detail is None else frame.detail().copy()
            return CapturedFrame(frame.info, image)

    def forget_latest(self) -> None:
        """Make `snapshot` return None until the next frame, because the camera has failed."""
        with self._latest_lock:
            self._latest = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop both threads, then close the source."""
        self._prepared.close()
        self._inferred.close()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)
            if thread.is_alive():
                # The driver of a camera may hang. The thread then ends with the process, which releases the device.
                log.warning("the thread %s does not end", thread.name)
                return
        self._source.close()

    def _guarded(self, work: Callable[[], None], after: Handoff[object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - `take` raises it in its thread
            self._failure = error
        finally:
            after.close()

    def _capture(self) -> None:
        now = self._clock.monotonic
        live = self._source.live
        spare: Frame | None = None
        while not self._prepared.closed:
            began = now()
            frame = self._source.read(spare)
            if frame is None:
                return
            self.stages.add("capture", now() - began)
            if frame.info.camera != self.camera:
                frame = replace(frame, info=replace(frame.info, camera=self.camera))
            with self._latest_lock:
                previous, self._latest, self._latest_at = self._latest, frame, now()
            spare = None if previous is None else previous.image
            if self.governor is not None:
                while not live and not self._prepared.closed and (early := self.governor.wait_s(now())) > 0:
                    self._clock.sleep(min(early, _SLICE))
                if not self.governor.due(frame.info.captured if live else now()) and live:
                    continue
            began = now()
            engine = self.engine
            pixels = engine.prepare(frame.image, self._free.pop() if self._free else None)
            self.stages.add("preprocess", now() - began)
            replaced = self._prepared.put(_Prepared(frame.info, engine, pixels), wait=not live)
            if replaced is not None:
                self.dropped += 1
                self._free.append(replaced.pixels)

    def _infer(self) -> None:
        now = self._clock.monotonic
        live = self._source.live
        while (prepared := self._prepared.take()) is not None:
            began = now()
            outputs = prepared.engine.infer(prepared.pixels)
            self.stages.add("invoke", now() - began)
            self._free.append(prepared.pixels)
            if self._inferred.put(Inferred(prepared.info, prepared.engine, outputs), wait=not live) is not None:
                self.dropped += 1
