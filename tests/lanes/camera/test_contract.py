"""The contract of all sources with the real Picamera2: make test-camera."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_cls.runtime.ports import FrameSource
from edge_cls.sources.picamera2 import Picamera2Source
from tests.lanes.camera.virtual import CAMERA
from tests.sources.test_contract import (  # noqa: F401 - they run here as well, with the fixtures below
    Stage,
    check_no_pixels_are_allocated,
    test_a_buffer_of_another_shape_is_left_alone,
    test_a_buffer_of_the_right_shape_is_used_and_the_frame_before_stays,
    test_a_buffer_with_gaps_between_its_rows_is_left_alone,
    test_capture_times_never_go_back_and_are_of_the_clock,
    test_closing_twice_is_safe_and_nothing_is_read_after_it,
    test_frames_are_rgb_pictures_numbered_from_0,
    test_time_that_passes_between_two_frames_is_seen,
)

pytestmark = [
    pytest.mark.camera,
    pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning"),  # Picamera2 still calls it
]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with ExitStack() as after:
        yield Stage(tmp_path, monkeypatch, after)


@pytest.fixture(params=[None, (320, 240)], ids=["main", "lores"])
def adapter(request: pytest.FixtureRequest, stage: Stage, library: Any) -> Iterator[FrameSource]:
    opened = Picamera2Source(CAMERA, clock=stage.clock, lores=request.param, stall_s=30.0, library=library)
    yield opened
    opened.close()


@pytest.fixture
def source(adapter: FrameSource) -> FrameSource:
    return adapter


def test_after_the_first_frames_no_pixels_are_allocated(source: FrameSource) -> None:
    check_no_pixels_are_allocated(source)
