"""What the runtime needs of the world: small protocols, with one adapter a file in `sources`, `panels` and `sinks`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.messages import FrameInfo, Message


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
        """The kinds of message that it is told of: of Result, Event and Status."""

    def publish(self, message: Message) -> None:
        """Tell of one message."""

    def close(self) -> None:
        """Let go of what it holds. Closing twice is safe."""


@dataclass(frozen=True, eq=False)
class Command:
    """What somebody at the panel wants: to teach `frame` as `label`, to undo the last change, to forget a class.

    `frame` is the one at the moment of the press, and None where the camera gave none. "background" teaches what is
    there when nothing is. `held`: it is one of the many of a button that is held down. `timestamp`: when, monotonic.
    """

    action: Literal["teach", "undo", "forget", "background"]
    timestamp: float
    label: str | None = None
    frame: CapturedFrame | None = None
    held: bool = False


@dataclass(frozen=True)
class CommandResult:
    """What became of a wish. `stored` (or done) is told only after the commit; `detail` is one line for a person."""

    kind: Literal["accepted", "stored", "duplicate", "conflict", "refused"]
    label: str | None = None
    detail: str = ""


class Panel(Protocol):
    """Buttons and lights, or keys and lines."""

    def start(self, snapshot: Callable[[], CapturedFrame | None], submit: Callable[[Command], None]) -> None:
        """Begin to listen. `snapshot` gives a copy of the newest frame; `submit` takes a wish; both from any thread."""

    def show(self, result: CommandResult) -> None:
        """Show what became of a wish. Returns at once."""

    def close(self) -> None:
        """Let go of the pins or the terminal. Closing twice is safe."""


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
