"""Fakes of the ports, for tests: they keep the promises of the real ones."""

from __future__ import annotations

from collections.abc import Iterable

from edge_cls.preprocess import Frame
from edge_cls.runtime.ports import CapturedFrame, Result


class FakeClock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def time(self) -> float:
        """Return the seconds since 1970."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._now

    def sleep(self, seconds: float, /) -> None:
        """Move the time on, at once."""
        self._now += seconds


class FakeSource:
    """Gives `images`, one after the other, then fails with `failure`, or ends."""

    def __init__(self, images: Iterable[Frame], *, live: bool = False, failure: Exception | None = None) -> None:
        self.live = live
        self.closed = False
        self._images = enumerate(images)
        self._failure = failure

    def read(self) -> CapturedFrame | None:
        """Return the next frame, or None at the end."""
        index, image = next(self._images, (-1, None))
        if image is not None:
            return CapturedFrame(index, float(index), float(index), image, "fake")
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class FakeSink:
    """Keeps what it was told in `results`."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def publish(self, result: Result) -> None:
        """Keep `result`."""
        self.results.append(result)
