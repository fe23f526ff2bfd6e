"""A camera that is reopened whenever it fails, stalls or is unplugged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edge_cls.errors import EdgeClsError, SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import MIN_SIDE
from edge_cls.runtime.ports import CapturedFrame, Clock, FrameSource

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Seconds until a camera is reopened: doubled after each attempt, reset once it has given frames for as long."""
_SLICE = 0.25


@dataclass(frozen=True)
class CameraState:
    """The condition of a camera, the same as one line for a person, and how many frames it had given by then."""

    kind: Literal["opening", "running", "down"]
    detail: str
    frames: int = 0


class Camera:
    """The live source that `opener` opens, and opens again after each failure.

    Reading waits until there is a frame or the camera is closed. `state` and `alive` may be read from any thread;
    `alive` is the monotonic time of the last sign of life: a frame, or an attempt to open the camera. Errors that
    retrying cannot solve (a missing library, a wrong setting) are raised if the first `opener` raises them before the
    first frame.
    """

    live = True

    def __init__(self, opener: Callable[[], FrameSource], *, clock: Clock) -> None:
        self._opener = self._first = opener
        self._changed: Callable[[], None] = lambda: None
        self.state = CameraState("opening", "opening the camera")
        self.alive = clock.monotonic()
        self._clock = clock
        self._source: FrameSource | None = None
        self._opened_by: Callable[[], FrameSource] | None = None
        self._opened_at = 0.0
        self._wait = FIRST_WAIT_S
        self._index = 0
        self._stopping = False

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame, numbered through all openings; None once the camera is stopping."""
        while not self._stopping:
            try:
                return self._read(into)
            except EdgeClsError as error:
                # A person sees an error of the first start. Later errors are retried: a reload may solve them.
                if not isinstance(error, SourceError) and not self._index and self._opened_by is self._first:
                    raise
                problem = str(error)
            # Outside of the except clause: the traceback holds the driver's buffers, which could not be freed there.
            self._close_source()
            self._change("down", f"{problem}; trying again")
            self._back_off()
        return None

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call `changed`, in the reading thread, each time that `state` has changed."""
        self._changed = changed

    def reopen_with(self, opener: Callable[[], FrameSource]) -> None:
        """Open the camera with `opener` from now on, from any thread. It is reopened if this is another function."""
        self._opener = opener

    def stop(self) -> None:
        """End the waiting of `read`, from any thread."""
        self._stopping = True

    def close(self) -> None:
        """Close the source. Closing twice is safe."""
        self.stop()
        self._close_source()

    def _read(self, into: Frame | None) -> CapturedFrame:
        if self._source is not None and self._opened_by is not self._opener:
            self._close_source()
        if self._source is None:
            self.alive = self._clock.monotonic()
            self._opened_by = self._opener
            self._source = self._opener()
            self._opened_at = self._clock.monotonic()
        frame = self._source.read(into)
        if frame is None:
            raise SourceError("the camera gives no more frames", hint="check that it is plugged in")
        image = frame.image
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < MIN_SIDE:
            raise SourceError(
                f"the camera gave a frame of shape {image.shape} and dtype {image.dtype}", hint="check its settings"
            )
        self.alive = self._clock.monotonic()
        # The wait is reset only now: a camera that fails after a few frames each time is as bad as one without frames.
        if self.alive - self._opened_at >= self._wait:
            self._wait = FIRST_WAIT_S
        self._change("running", "running")
        frame = replace(frame, info=replace(frame.info, index=self._index))
        self._index += 1
        return frame

    def _close_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            try:
                source.close()
            except (OSError, RuntimeError) as error:  # the device may be gone
                log.warning("the camera could not be closed: %s", error)

    def _back_off(self) -> None:
        until = self._clock.monotonic() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT_S)
        while not self._stopping and self._opened_by is self._opener and self._clock.monotonic() < until:
            self._clock.sleep(_SLICE)
            self.alive = self._clock.monotonic()

    def _change(self, kind: Literal["opening", "running", "down"], detail: str) -> None:
        if (kind, detail) == (self.state.kind, self.state.detail):
            return
        log.log(logging.INFO if kind == "running" else logging.WARNING, "camera: %s", detail)
        self.state = CameraState(kind, detail, self._index)
        self._changed()
