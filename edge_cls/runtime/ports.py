"""What the runtime needs of the world: small protocols, with one adapter a file in `sources`, `panels` and `sinks`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import Action, FrameInfo, Message


class Clock(Protocol):
    """The time. The standard library's `time` module is one; tests have their own."""

    def time(self) -> float:
        """Return the seconds since 1970. They jump when somebody sets the clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Return after `seconds`."""


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """A frame as it came, RGB. `detail` gives the same view in more pixels, where the source has it, for crops."""

    info: FrameInfo
    image: Frame
    detail: Callable[[], Frame] | None = None


class FrameSource(Protocol):
    """Gives frames, one after the other, to one thread.

    `live`: whether the world moves on while nobody reads, as before a camera. Of a live source the newest frame
    counts; of a recording every frame does.
    """

    @property
    def live(self) -> bool:
        """Whether the world moves on while nobody reads."""

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next frame, or None at the end.

        The pixels are written into `into` where its shape fits, otherwise into a new array. The frame before stays
        whole, its `detail` included, while this one is read. Raises SourceError or ImageError where there is none to
        be had, in bounded time: nothing waits for ever.
        """

    def close(self) -> None:
        """Let go of the device or file. Closing twice is safe."""


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
    """Who watches over the process: systemd, or nobody."""

    def ready(self) -> None:
        """Tell that it is at work, or that what `reloading` announced is done."""

    def status(self, text: str) -> None:
        """Tell how it is, one line."""

    def watchdog(self) -> None:
        """Tell that it goes on, before `ready` too. Who does not hear this for long enough starts the process again."""

    def reloading(self) -> None:
        """Tell that the configuration is read again."""

    def stopping(self) -> None:
        """Tell that it is about to end."""
