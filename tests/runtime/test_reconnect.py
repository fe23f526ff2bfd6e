"""A camera that fails, stalls, gives wrong frames or is unplugged: it is reported, and reopened without end."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge_cls.errors import ConfigError, MissingDependency, SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.ports import CapturedFrame, FrameSource
from edge_cls.runtime.reconnect import FIRST_WAIT_S, LONGEST_WAIT_S, Camera
from edge_cls.testing import FakeClock, FakeSource
from tests.runtime.engine import image, images

GONE = SourceError("the camera is gone", hint="plug it in")


class Openings:
    """Opens one source after the other, or raises one of the errors, and keeps the times in `at`."""

    def __init__(self, clock: FakeClock, *outcomes: FrameSource | Exception) -> None:
        self.at: list[float] = []
        self._clock = clock
        self._outcomes = iter(outcomes)

    def __call__(self) -> FrameSource:
        self.at.append(self._clock.monotonic())
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def live(frames: list[Frame], failure: Exception | None = GONE) -> FakeSource:
    return FakeSource(frames, live=True, failure=failure)


def test_a_camera_that_fails_is_closed_and_opened_again() -> None:
    clock = FakeClock()
    first, second = live(images(2)), live(images(3))
    camera = Camera(Openings(clock, first, second), clock=clock)
    read = [camera.read() for _ in range(5)]
    assert first.closed
    assert not second.closed
    # The numbers continue after the camera was reopened.
    assert [frame.info.index for frame in read if frame] == [0, 1, 2, 3, 4]
    camera.close()
    assert second.closed
    camera.close()


def test_nothing_of_a_call_that_failed_is_held_when_the_camera_is_closed() -> None:
    """A traceback would hold the driver's buffers, which opening the camera again may need."""
    held: list[weakref.ref[Buffer]] = []
    free: list[bool] = []

    class Buffer:
        pass

    class Failing(FakeSource):
        def read(self, into: Frame | None = None) -> CapturedFrame | None:
            buffer = Buffer()
            held.append(weakref.ref(buffer))
            raise SourceError("torn", hint="m")

        def close(self) -> None:
            free.extend(there() is None for there in held)

    clock = FakeClock()
    camera = Camera(Openings(clock, Failing([], live=True), live(images(1))), clock=clock)
    assert camera.read() is not None
    assert free == [True]


def test_it_waits_longer_each_time_but_never_gives_up() -> None:
    clock = FakeClock()
    openings = Openings(clock, *[GONE] * 40, live(images(2)), live(images(1)))
    camera = Camera(openings, clock=clock)
    assert camera.read() is not None
    waits = [later - earlier for earlier, later in itertools.pairwise(openings.at)]
    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert set(waits[8:]) == {LONGEST_WAIT_S}
    # If the camera gave frames for longer than the wait, the wait starts again with the shortest one.
    clock.sleep(LONGEST_WAIT_S)
    assert camera.read() is not None
    assert camera.read() is not None
    assert openings.at[41] - openings.at[40] == pytest.approx(LONGEST_WAIT_S + FIRST_WAIT_S)


def test_one_that_fails_after_a_frame_each_time_is_opened_ever_more_seldom() -> None:
    clock = FakeClock()
    openings = Openings(clock, *[live(images(1)) for _ in range(12)])
    camera = Camera(openings, clock=clock)
    for _ in range(12):
        assert camera.read() is not None
    assert openings.at[-1] - openings.at[-2] == LONGEST_WAIT_S


def test_a_camera_that_ends_is_opened_again() -> None:
    clock = FakeClock()
    camera = Camera(Openings(clock, live(images(1), None), live(images(1), None)), clock=clock)
    assert camera.read() is not None
    assert camera.read() is not None


@pytest.mark.parametrize(
    "torn",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        np.zeros((2, 640, 3), np.uint8),
    ],
)
def test_what_is_not_a_frame_is_a_failure(torn: Frame) -> None:
    clock = FakeClock()
    camera = Camera(Openings(clock, live([image(1), torn]), live([image(2)])), clock=clock)
    assert camera.read() is not None
    frame = camera.read()
    assert frame is not None
    assert (frame.image == 2).all()


def test_it_says_how_it_is() -> None:
    clock = FakeClock()
    camera = Camera(Openings(clock, GONE, live(images(2)), live(images(1))), clock=clock)
    reported: list[tuple[str, str]] = []
    camera.on_change(lambda: reported.append((camera.state.kind, camera.state.detail)))
    assert camera.state.kind == "opening"
    for _ in range(3):
        camera.read()
    down = ("down", "the camera is gone; plug it in; trying again")
    assert reported == [down, ("running", "running"), down, ("running", "running")]


@pytest.mark.parametrize("error", [ConfigError("no such control", hint="m"), MissingDependency("x", hint="m")])
def test_an_error_that_retrying_cannot_solve_is_raised(error: Exception) -> None:
    clock = FakeClock()
    with pytest.raises(type(error)):
        Camera(Openings(clock, error), clock=clock).read()


@pytest.mark.parametrize("error", [ConfigError("no such control", hint="m"), MissingDependency("x", hint="m")])
def test_an_error_of_a_running_camera_is_reported_and_tried_again(error: Exception) -> None:
    """There may be no person to see the error, and the process would not be restarted."""
    clock = FakeClock()
    camera = Camera(Openings(clock, live(images(1)), error, live(images(1))), clock=clock)
    assert camera.read() is not None
    reported: list[str] = []
    camera.on_change(lambda: reported.append(camera.state.detail))
    assert camera.read() is not None
    assert f"{error}; trying again" in reported


def test_nor_does_another_opener_end_it_before_the_first_frame() -> None:
    clock, second = FakeClock(), live(images(1))

    def fail() -> FrameSource:
        camera.reopen_with(Openings(clock, ConfigError("no such control", hint="m"), second))
        raise GONE

    camera = Camera(fail, clock=clock)
    assert camera.read() is not None


@pytest.mark.parametrize("error", [OSError("No such device"), RuntimeError("not acquired")])
def test_a_device_that_cannot_even_be_closed_is_opened_again(error: Exception) -> None:
    class Stuck(FakeSource):
        def close(self) -> None:
            raise error

    clock = FakeClock()
    camera = Camera(Openings(clock, Stuck([], live=True, failure=GONE), live(images(1))), clock=clock)
    assert camera.read() is not None


def test_stopping_ends_even_a_long_wait() -> None:
    class Stopping(FakeClock):
        act: Callable[[], None]

        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            self.act()

    clock = Stopping()

    def fail() -> Iterator[FrameSource]:
        raise GONE

    camera = Camera(lambda: next(fail()), clock=clock)
    clock.act = camera.stop
    assert camera.read() is None


def test_waiting_is_a_sign_of_life_and_a_hanging_driver_is_none() -> None:
    clock = FakeClock()
    began = clock.monotonic()
    camera = Camera(Openings(clock, *[GONE] * 9, live(images(1))), clock=clock)
    camera.read()
    assert camera.alive == clock.monotonic() > began
    clock.sleep(100.0)
    assert camera.alive == clock.monotonic() - 100.0


def test_another_camera_takes_its_place_with_the_next_frame() -> None:
    clock = FakeClock()
    first, second = live([image(1)] * 5), live([image(2)] * 5)
    camera = Camera(lambda: first, clock=clock)
    camera.read()
    camera.reopen_with(lambda: second)
    frame = camera.read()
    assert frame is not None
    assert (frame.image == 2).all()
    assert first.closed


def test_a_camera_that_is_waited_for_can_be_replaced_meanwhile() -> None:
    clock, second = FakeClock(), live([image(2)])
    waiting = threading.Event()

    def fail() -> FrameSource:
        waiting.set()
        camera.reopen_with(lambda: second)
        raise GONE

    camera = Camera(fail, clock=clock)
    began = clock.monotonic()
    assert camera.read() is not None
    assert clock.monotonic() == began
