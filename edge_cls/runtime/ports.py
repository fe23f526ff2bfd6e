"""The ports of the runtime: small protocols, whose adapters are in `sources`, `panels`, `sinks` and `systemd`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import Action, FrameInfo, Message


class Clock(Protocol):
    """The time: the standard library's module `time`, or a fake for tests."""

    def time(self) -> float:
        """Return the seconds since 1970. They jump if the system clock is set."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""

    def sleep(self, seconds: float, /) -> None:
        """Return after `seconds`."""


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """A captured frame, RGB, uint8 (height, width, 3). `detail` returns the same view in more pixels, if any."""

    info: FrameInfo
    image: Frame
    detail: Callable[[], Frame] | None = None


class FrameSource(Protocol):
    """A source of frames, which one thread reads one after the other.

    Of a live source, such as a camera, only the newest frame counts; of a recording every frame does.
    """

    @property
    def live(self) -> bool:
        """Whether time passes for the source while no frame is read."""

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame, or None at the end.

        The pixels are written into `into` if its shape fits, otherwise into a new array. The previous frame stays
        intact, with its `detail`, while this one is read. Raises SourceError or ImageError if there is no frame, within
        bounded time.
        """

    def close(self) -> None:
        """Release the device or file. Closing twice is safe."""


class Sink(Protocol):
    """Takes messages, one after the other, in a thread of its own. It may be slow, and it may fail (OSError)."""

    @property
    def wants(self) -> tuple[type, ...]:
        """The kinds of message that are passed to `publish`: some of those that make up `Message`."""

    def publish(self, message: Message) -> None:
        """Output one message."""

    def close(self) -> None:
        """Release all resources. Closing twice is safe."""


@dataclass(frozen=True, eq=False)
class Command:
    """A command of a person: teach `frame` as `label`, undo the last change, forget a class, teach the background.

    `origin` names the button, key or client, such as "button 5" or "key t". `frame` is the frame at the moment of the
    press, None if the camera gave none or the action needs none. A command to forget without a `label` means the class
    that the camera sees. `timestamp` is the time of the press, on the monotonic clock. `held`: whether the command is
    one of the repetitions of a button that is held down.
    """

    action: Action
    timestamp: float
    origin: str
    label: str | None = None
    frame: CapturedFrame | None = None
    held: bool = False

    @property
    def needs_frame(self) -> bool:
        """Whether the command teaches, for which it needs a frame."""
        return self.action in ("teach", "background")


class CommandSource(Protocol):
    """Where commands come from: buttons, a keyboard. Several may be in use at once.

    The results of its commands are messages for the sinks, as of every other source of commands.
    """

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen.

        `snapshot` returns a copy of the newest frame, None if there is none; `submit` takes a command. Both may be
        called from any thread and return at once.
        """

    def close(self) -> None:
        """Stop listening and release the pins or the terminal. Closing twice is safe."""


class Supervisor(Protocol):
    """The supervisor of the process: systemd, or a stand-in if there is none."""

    def ready(self) -> None:
        """Notify that the process has started, or that the reload after `reloading` is done."""

    def status(self, text: str) -> None:
        """Notify the status, one line."""

    def watchdog(self) -> None:
        """Notify the watchdog, before `ready` as well. If it is not notified in time, the process is restarted."""

    def reloading(self) -> None:
        """Notify that the configuration is being read again."""

    def stopping(self) -> None:
        """Notify that the process is about to end."""
