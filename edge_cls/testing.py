"""Fakes of the ports, for tests: they keep the promises of the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import Event, FrameInfo, Message, Result, Status
from edge_cls.runtime.ports import CapturedFrame, Clock, Command, CommandResult


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

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame, or None at the end. `into` is left alone: the images are what was given."""
        del into
        index, image = next(self._images, (-1, None))
        if image is not None:
            return CapturedFrame(FrameInfo(index, float(index), float(index), "fake"), image)
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class FakeSink:
    """Keeps what it was told in `messages`."""

    wants = (Result, Event, Status)

    def __init__(self) -> None:
        self.messages: list[Message] = []

    @property
    def results(self) -> list[Result]:
        """What it was told of single frames."""
        return [message for message in self.messages if isinstance(message, Result)]

    @property
    def events(self) -> list[Event]:
        """What it was told of states."""
        return [message for message in self.messages if isinstance(message, Event)]

    def publish(self, message: Message) -> None:
        """Keep `message`."""
        self.messages.append(message)

    def close(self) -> None:
        """There is nothing to let go of."""


class FakeSupervisor:
    """Keeps what it was told in `calls`, a word each, with what belongs to it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    @property
    def statuses(self) -> list[str]:
        """The lines of status, in order."""
        return [text for kind, text in self.calls if kind == "status"]

    def ready(self) -> None:
        """Keep it."""
        self.calls.append(("ready", ""))

    def status(self, text: str) -> None:
        """Keep `text`."""
        self.calls.append(("status", text))

    def watchdog(self) -> None:
        """Keep it."""
        self.calls.append(("watchdog", ""))

    def reloading(self) -> None:
        """Keep it."""
        self.calls.append(("reloading", ""))

    def stopping(self) -> None:
        """Keep it."""
        self.calls.append(("stopping", ""))


class FakePanel:
    """A panel that tests press. It keeps what it was shown in `shown`."""

    def __init__(self, *, clock: Clock) -> None:
        self.shown: list[CommandResult] = []
        self.closed = False
        self._clock = clock
        self._snapshot: Callable[[], CapturedFrame | None] = lambda: None
        self._submit: Callable[[Command], None] = lambda _: None

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen."""
        self._snapshot, self._submit = snapshot, submit

    def press(
        self,
        label: str | None = None,
        *,
        action: Literal["teach", "undo", "forget", "background"] = "teach",
        held: bool = False,
    ) -> None:
        """Press the button of `label` or `action`, now; `held`: be one of its repetitions. Refused without a frame."""
        if self.closed:
            return
        frame = self._snapshot() if action in ("teach", "background") else None
        if frame is None and action in ("teach", "background"):
            self.show(CommandResult("refused", label, "the camera gives no frame"))
            return
        self.show(CommandResult("accepted", label))
        self._submit(Command(action, self._clock.monotonic(), label, frame, held))

    def show(self, result: CommandResult) -> None:
        """Keep `result`."""
        self.shown.append(result)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
