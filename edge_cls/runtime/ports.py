"""What the pipeline needs of the world: small protocols, with one adapter a file in `sources` and `sinks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_cls.classifier import Prediction
from edge_cls.preprocess import Frame


class Clock(Protocol):
    """The time. The standard library's `time` module is one; tests have their own."""

    def time(self) -> float:
        """Return the seconds since 1970."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Return after `seconds`."""


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """A frame as it came: its number from 0, when it was captured, and what it is a picture of or from.

    `timestamp` is in seconds since 1970, `captured` in seconds of the monotonic clock.
    """

    index: int
    timestamp: float
    captured: float
    image: Frame
    source: str


class FrameSource(Protocol):
    """Gives frames, one after the other.

    `live`: whether the world moves on while nobody reads, as before a camera. Of a live source the newest frame
    counts; of a recording every frame does.
    """

    @property
    def live(self) -> bool:
        """Whether the world moves on while nobody reads."""

    def read(self) -> CapturedFrame | None:
        """Return the next frame, or None at the end. Raises SourceError or ImageError where there is none to be had."""

    def close(self) -> None:
        """Let go of the device or file. Closing twice is safe."""


@dataclass(frozen=True)
class Result:
    """What was seen in a frame. `latency` is the time from capture to result, in seconds."""

    frame: CapturedFrame
    prediction: Prediction
    latency: float


class Sink(Protocol):
    """Takes results, one after the other."""

    def publish(self, result: Result) -> None:
        """Tell of one result."""
