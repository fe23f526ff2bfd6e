"""The frame rate is the requested one, at any rate of the camera, and lower during heat or under-voltage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.testing import FakeClock


@dataclass
class Board:
    """A clock and sensors that a test sets, and the governor that reads them."""

    max_fps: float | None = None
    degrees: float | None = 50.0
    weak: bool = False
    requested: int = 0
    clock: FakeClock = field(default_factory=lambda: FakeClock(0.0))

    def __post_init__(self) -> None:
        self.governor = FrameRateGovernor(
            max_fps=self.max_fps,
            clock=self.clock,
            temperature=self._temperature,
            undervoltage=lambda: self.weak,
        )

    def _temperature(self) -> float | None:
        self.requested += 1
        return self.degrees

    def accepted(self, times: Iterable[float]) -> list[float]:
        """Return the times of those frames of `times` that were due."""
        due = []
        for time in times:
            self.clock.sleep(max(0.0, time - self.clock.monotonic()))
            if self.governor.due(time):
                due.append(time)
        return due

    def run(self, seconds: float, camera_fps: float) -> float:
        """Return the rate at which frames are due in the next seconds, in frames per second."""
        begin = self.clock.monotonic()
        times = [begin + index / camera_fps for index in range(1, int(seconds * camera_fps) + 1)]
        return len(self.accepted(times)) / seconds


@pytest.mark.parametrize("max_fps", [0.1, 1, 10, 12, 20, 29.97, 30])
@pytest.mark.parametrize("camera_fps", [30, 50, 1000])
def test_the_long_run_rate_is_the_requested_one(camera_fps: float, max_fps: float) -> None:
    seconds = max(100, 100 / max_fps)
    assert Board(max_fps).run(seconds, camera_fps) == pytest.approx(max_fps, rel=0.01)


@given(st.floats(0.5, 60), st.floats(1, 20))
def test_the_rate_holds_for_any_camera_that_is_faster(max_fps: float, faster: float) -> None:
    assert Board(max_fps).run(300 / max_fps, max_fps * faster) == pytest.approx(max_fps, rel=0.01)


@given(st.floats(0.5, 60), st.floats(1.001, 20))
def test_every_frame_of_a_slower_camera_is_due(max_fps: float, slower: float) -> None:
    camera = max_fps / slower
    times = [index / camera for index in range(200)]
    assert Board(max_fps).accepted(times) == times


def test_a_camera_of_the_very_rate_that_trembles_loses_nearly_nothing() -> None:
    trembling = [0.0, 0.004, -0.003, 0.005, -0.005, 0.001]
    times = [index / 30 + trembling[index % 6] for index in range(3000)]
    assert len(Board(30).accepted(times)) >= 2990


@given(st.floats(0.5, 60), st.lists(st.floats(0.0005, 3), min_size=1, max_size=300))
def test_no_frames_come_in_a_burst(max_fps: float, gaps: list[float]) -> None:
    """At any times of the camera's frames, with any pauses: no span has two frames more than its share."""
    now, times = 0.0, []
    for gap in gaps:
        # Frames a millisecond apart after each gap, so that every frame that may be accepted is offered.
        times += [now + index / 1000 for index in range(20)]
        now += 0.02 + gap
    due = Board(max_fps).accepted(times)
    for first in range(len(due)):
        for last in range(first, min(first + 40, len(due))):
            assert last - first + 1 <= (due[last] - due[first]) * max_fps + 2 + 1e-6


def test_after_a_pause_nothing_is_made_up_for() -> None:
    board = Board(10)
    board.run(1, 1000)
    assert board.accepted([200.0, 200.001, 200.099, 200.1, 200.101]) == [200.0, 200.1]


def test_without_a_limit_every_frame_is_due_at_once() -> None:
    board = Board(None)
    assert board.run(10, 1000) == 1000
    assert board.governor.wait_s(board.clock.monotonic()) == 0
    assert board.governor.reason is None


def test_the_wait_ends_where_a_frame_is_due() -> None:
    board = Board(4)
    assert board.governor.wait_s(0.0) == 0
    assert board.governor.due(0.0)
    assert board.governor.wait_s(0.0) == 0.25
    assert board.governor.wait_s(0.1) == pytest.approx(0.15)
    assert not board.governor.due(0.2)
    assert board.governor.wait_s(9.0) == 0
    assert board.governor.due(0.25)


@pytest.mark.parametrize("max_fps", [0.0, -1.0, float("nan")])
def test_a_rate_is_above_nothing(max_fps: float) -> None:
    with pytest.raises(ValueError, match="max_fps is"):
        Board(max_fps)


def test_the_sensors_are_read_every_few_seconds_only() -> None:
    board = Board(None)
    board.run(60, 100)
    assert 10 <= board.requested <= 12


@pytest.mark.parametrize("max_fps", [16.0, None])
def test_heat_halves_the_rate_until_it_is_a_frame_a_second(max_fps: float | None) -> None:
    """Even without a limit: then the actual rate is halved."""
    board = Board(max_fps)
    assert board.run(10, 16) == pytest.approx(16, rel=0.1)
    board.degrees = 82.4
    rates = [round(board.run(5, 16)) for _ in range(8)]
    assert sorted(rates, reverse=True) == rates
    assert {8, 4, 2, 1} <= set(rates)
    assert rates[-1] == 1
    assert board.governor.reason == "slowed to 1 frame a second: 82 °C"


def test_the_actual_rate_is_halved_and_not_the_limit() -> None:
    board = Board(100)
    board.run(10, 8)
    board.degrees = 80.0
    board.run(5, 8)
    assert board.governor.fps == pytest.approx(4, rel=0.1)


def test_it_is_raised_again_when_it_is_5_degrees_cooler_and_not_before() -> None:
    board = Board(16)
    board.run(10, 30)
    board.degrees = 85.0
    board.run(10, 30)
    slow = board.governor.fps
    board.degrees = 75.1
    board.run(60, 30)
    assert board.governor.fps == slow
    board.degrees = 75.0
    board.run(30, 30)
    assert board.governor.fps == 16
    assert board.governor.reason is None


def test_a_limit_below_the_floor_is_never_raised_by_heat() -> None:
    board = Board(0.5, degrees=99.0)
    assert board.run(100, 30) <= 0.51


def test_a_sensor_that_is_gone_slows_nothing_for_ever() -> None:
    board = Board(16)
    board.run(10, 30)
    board.degrees = 90.0
    board.run(20, 30)
    assert board.governor.reason is not None
    board.degrees = None
    board.run(60, 30)
    assert board.governor.reason is None


def test_too_little_voltage_halves_the_rate_once_and_for_a_minute() -> None:
    board = Board(16)
    board.run(10, 30)
    board.weak = True
    board.run(30, 30)
    assert board.governor.fps == 8
    assert board.governor.reason == "slowed to 8 frames a second: the power supply gives too little voltage"
    board.weak = False
    board.run(50, 30)
    assert board.governor.fps == 8
    board.run(20, 30)
    assert board.governor.fps == 16
    assert board.governor.reason is None


def test_heat_and_under_voltage_are_both_reported() -> None:
    board = Board(16)
    board.run(10, 30)
    board.weak, board.degrees = True, 81.0
    board.run(5, 30)
    assert board.governor.reason == "slowed to 4 frames a second: 81 °C and the power supply gives too little voltage"


def test_a_camera_that_was_away_is_slowed_from_its_former_rate() -> None:
    board = Board(None)
    board.run(20, 16)
    board.clock.sleep(10_000)
    board.degrees = 85.0
    board.run(1, 16)
    assert board.governor.fps == pytest.approx(8, rel=0.1)


def test_a_board_that_is_hot_from_the_start_is_slowed_too() -> None:
    board = Board(None, degrees=90.0)
    board.run(30, 1000)
    assert board.governor.fps is not None
    assert board.governor.fps < 300
