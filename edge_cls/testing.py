"""Fakes of the ports for tests, which keep the contracts of the ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import (
    Action,
    CommandAccepted,
    CommandResult,
    Event,
    FrameInfo,
    Message,
    Result,
    Status,
)
from edge_cls.runtime.ports import CapturedFrame, Clock, Command


class FakeClock:
    """A clock that stands still until `sleep` is called."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def time(self) -> float:
        """Return the seconds since 1970."""
        return self._now

    def monotonic(self) -> float:
        """Return the same seconds, which never go back."""
        return self._now

    def sleep(self, seconds: float, /) -> None:
        """Move the time on and return at once."""
        self._now += seconds


class FakeSource:
    """Returns `images` one after the other, then raises `failure`, or ends if there is none."""

    def __init__(self, images: Iterable[Frame], *, live: bool = False, failure: Exception | None = None) -> None:
        self.live = live
        self.closed = False
        self._images = enumerate(images)
        self._failure = failure

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame, or None at the end. `into` is not used: the frames are the given images."""
        del into
        index, image = next(self._images, (-1, None))
        if image is not None:
            return CapturedFrame(FrameInfo(index, float(index), float(index), "fake"), image)
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        """Set `closed`."""
        self.closed = True


class FakeSink:
    """Keeps all messages in `messages`."""

    wants: tuple[type, ...] = (Result, Event, CommandAccepted, CommandResult, Status)

    def __init__(self) -> None:
        self.messages: list[Message] = []

    @property
    def results(self) -> list[Result]:
        """The results of frames, in order."""
        return [message for message in self.messages if isinstance(message, Result)]

    @property
    def events(self) -> list[Event]:
        """The events, in order."""
        return [message for message in self.messages if isinstance(message, Event)]

    @property
    def command_results(self) -> list[CommandResult]:
        """The results of commands, in order."""
        return [message for message in self.messages if isinstance(message, CommandResult)]

    @property
    def statuses(self) -> list[Status]:
        """The statuses, in order."""
        return [message for message in self.messages if isinstance(message, Status)]

    def publish(self, message: Message) -> None:
        """Keep `message`."""
        self.messages.append(message)

    def close(self) -> None:
        """Do nothing."""


class FakeSupervisor:
    """Keeps all notifications in `calls`: the name of the method, and its argument or an empty string."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    @property
    def statuses(self) -> list[str]:
        """The lines of status, in order."""
        return [text for kind, text in self.calls if kind == "status"]

    def ready(self) -> None:
        """Keep the call."""
        self.calls.append(("ready", ""))

    def status(self, text: str) -> None:
        """Keep `text`."""
        self.calls.append(("status", text))

    def watchdog(self) -> None:
        """Keep the call."""
        self.calls.append(("watchdog", ""))

    def reloading(self) -> None:
        """Keep the call."""
        self.calls.append(("reloading", ""))

    def stopping(self) -> None:
        """Keep the call."""
        self.calls.append(("stopping", ""))


class FakeCommandSource:
    """A button or key that tests press."""

    def __init__(self, *, clock: Clock) -> None:
        self.closed = False
        self._clock = clock
        self._snapshot: Callable[[], CapturedFrame | None] = lambda: None
        self._submit: Callable[[Command], None] = lambda _: None

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen."""
        self._snapshot, self._submit = snapshot, submit

    def press(
        self, label: str | None = None, *, action: Action = "teach", held: bool = False, origin: str = "fake"
    ) -> None:
        """Submit the command of a button for `label` or `action`, now. `held`: as one of its repetitions."""
        if self.closed:
            return
        frame = self._snapshot() if action in ("teach", "background") else None
        self._submit(Command(action, self._clock.monotonic(), origin, label, frame, held))

    def close(self) -> None:
        """Ignore all further presses."""
        self.closed = True
