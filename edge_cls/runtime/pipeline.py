"""From frames to inferences: capture and preprocessing in one thread, the interpreter in another.

Between the threads lies one frame at a time. Of a live source the newest wins; of a recording every one waits to be
taken. After the first frames nothing of a frame's size is allocated any more: two images and three inputs go round.
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

STOP = 1.0
"""Seconds that a thread has to end."""
STALE = 2.0
"""Seconds after which the newest frame is of the past: what is there now may be something else."""
_SLICE = 0.25
EngineT = TypeVar("EngineT", bound="Engine")


class Engine(Protocol):
    """What turns frames into inferences: a `Classifier`."""

    def prepare(self, frame: Frame, into: Frame | None = None) -> Frame:
        """Return the pixels that enter the model, written into `into` where its shape fits."""

    def infer(self, pixels: Frame) -> Outputs:
        """Return the raw outputs for prepared pixels."""


@dataclass(frozen=True, eq=False)
class Inferred(Generic[EngineT]):
    """What `engine` made of a frame."""

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
        """Whether the source has ended, and all has been taken that came of it."""
        return self._inferred.exhausted

    def take(self, timeout: float | None = None) -> Inferred[EngineT] | None:
        """Return the next inference; None after `timeout` seconds, when woken, or when the source has ended.

        An error of the source or of the engine is raised here, after what came before it has been taken.
        """
        inferred = self._inferred.take(timeout)
        if inferred is None and self.ended and self._failure is not None:
            raise self._failure
        return inferred

    def wake(self) -> None:
        """Let `take` return at once."""
        self._inferred.wake()

    def replace(self, engine: EngineT, governor: FrameRateGovernor | None) -> None:
        """Use another engine and governor from the next frame on."""
        self.engine, self.governor = engine, governor

    def snapshot(self) -> CapturedFrame | None:
        """Return a copy of the newest frame, in as many pixels as the source has; None without one, or a STALE one."""
        with self._latest_lock:
            if self._latest is None or (self._source.live and self._clock.monotonic() - self._latest_at > STALE):
                return None
            frame = self._latest
            image = frame.image.copy() if frame.detail is None else frame.detail().copy()
            return CapturedFrame(frame.info, image)

    def forget_latest(self) -> None:
        """Let `snapshot` give nothing until the next frame: the camera has failed, and the last one is of the past."""
        with self._latest_lock:
            self._latest = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop both threads, and close the source once nobody reads it."""
        self._prepared.close()
        self._inferred.close()
        for thread in self._threads:
            thread.join(STOP)
            if thread.is_alive():
                # The driver of a camera may be asleep. The thread ends with the process, and the device with it.
                log.warning("the thread of %s does not end", thread.name)
                return
        self._source.close()

    def _guarded(self, work: Callable[[], None], after: Handoff[object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that takes
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
