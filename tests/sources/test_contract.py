"""The contract of all sources of frames; tests/lanes/camera checks it with the real Picamera2 as well."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.ports import FrameSource
from edge_cls.sources.images import ImagesSource
from edge_cls.sources.oriented import Oriented
from edge_cls.sources.picamera2 import Picamera2Source
from edge_cls.sources.stream import StreamSource
from edge_cls.sources.v4l2 import V4l2Source
from edge_cls.sources.video import VideoSource
from edge_cls.testing import FakeClock, FakeSource
from tests.colors import COLORS, color_frame
from tests.sources.fake_capture import FakeVideoCapture
from tests.sources.fake_picamera2 import World
from tests.sources.mjpeg_server import MjpegServer
from tests.video import write_video

NOW = 1_700_000_000.0
FRAMES = 4
"""Frames in each recording."""


class Stage:
    """The means for a source under test: a folder, a clock, patches, and objects to close after the test."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, after: ExitStack) -> None:
        self.folder = folder
        self.clock = FakeClock(NOW)
        self.patch = patch
        self.after = after


def images(stage: Stage) -> FrameSource:
    for index in range(FRAMES):
        Image.fromarray(color_frame("red", index)).save(stage.folder / f"{index}.png")
    return ImagesSource.below(stage.folder, clock=stage.clock)


def video(stage: Stage) -> FrameSource:
    return VideoSource(write_video(stage.folder / "red.avi", count=FRAMES), clock=stage.clock)


def fake(_: Stage) -> FrameSource:
    return FakeSource([color_frame("red", index) for index in range(FRAMES)])


def demo(stage: Stage) -> FrameSource:
    from edge_cls.sources.demo import DemoSource

    return DemoSource(clock=stage.clock)


def stream(stage: Stage) -> FrameSource:
    for variable in ("NO_PROXY", "no_proxy"):
        stage.patch.setenv(variable, "127.0.0.1")
    server = stage.after.enter_context(MjpegServer([color_frame("red", index, side=64) for index in range(FRAMES)]))
    return StreamSource(server.url, clock=stage.clock)


def v4l2(stage: Stage) -> FrameSource:
    class Camera(FakeVideoCapture):
        clock = stage.clock

    device = stage.folder / "video0"
    device.touch()
    stage.patch.setattr("cv2.VideoCapture", Camera)
    return V4l2Source(str(device), clock=stage.clock)


def picamera2(stage: Stage) -> FrameSource:
    world = World(stage.clock)
    return Picamera2Source(clock=stage.clock, size=(128, 96), lores=(64, 48), library=world.library)


def oriented(stage: Stage) -> FrameSource:
    return Oriented(v4l2(stage), rotation=90, mirror=True, roi=(0.25, 0.25, 0.5, 0.5))


RECORDINGS: tuple[Callable[[Stage], FrameSource], ...] = (images, video, fake)
ADAPTERS: tuple[Callable[[Stage], FrameSource], ...] = (images, video, demo, stream, v4l2, picamera2, oriented)
RED: tuple[Callable[[Stage], FrameSource], ...] = (images, video, fake, stream, v4l2, picamera2, oriented)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with ExitStack() as after:
        yield Stage(tmp_path, monkeypatch, after)


@pytest.fixture(params=(*ADAPTERS, fake), ids=lambda make: str(make.__name__))
def source(request: pytest.FixtureRequest, stage: Stage) -> Iterator[FrameSource]:
    """Each source in turn, with some frames to come."""
    opened = request.param(stage)
    yield opened
    opened.close()


@pytest.fixture(params=ADAPTERS, ids=lambda make: str(make.__name__))
def adapter(request: pytest.FixtureRequest, stage: Stage) -> Iterator[FrameSource]:
    """Each source in turn, except for the fake that returns the images of the test."""
    opened = request.param(stage)
    yield opened
    opened.close()


def test_frames_are_rgb_pictures_numbered_from_0(source: FrameSource) -> None:
    for index in range(FRAMES):
        frame = source.read()
        assert frame is not None
        assert frame.info.index == index
        assert frame.info.source
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.image.flags.c_contiguous


def test_capture_times_never_go_back_and_are_of_the_clock(source: FrameSource, stage: Stage) -> None:
    before = -np.inf
    for _ in range(FRAMES):
        frame = source.read()
        assert frame is not None
        assert before <= frame.info.captured <= stage.clock.monotonic()
        before = frame.info.captured
        stage.clock.sleep(0.1)


def test_time_that_passes_between_two_frames_is_seen(adapter: FrameSource, stage: Stage) -> None:
    first = adapter.read()
    stage.clock.sleep(5.0)
    second = adapter.read()
    assert first is not None
    assert second is not None
    assert second.info.captured - first.info.captured == pytest.approx(5.0, abs=0.1)
    assert second.info.timestamp - first.info.timestamp == pytest.approx(5.0, abs=0.1)


def test_a_buffer_of_the_right_shape_is_used_and_the_frame_before_stays(adapter: FrameSource) -> None:
    first = adapter.read()
    assert first is not None
    kept = first.image.copy()
    second = adapter.read(np.zeros_like(first.image))
    assert second is not None
    buffer = second.image
    third = adapter.read(buffer)
    assert third is not None
    assert third.image is buffer
    assert buffer.any()
    np.testing.assert_array_equal(first.image, kept)


@pytest.mark.parametrize("shape", [(2, 3, 3), (48, 64)])
def test_a_buffer_of_another_shape_is_left_alone(adapter: FrameSource, shape: tuple[int, ...]) -> None:
    buffer = np.zeros(shape, np.uint8)
    frame = adapter.read(buffer)
    assert frame is not None
    assert frame.image is not buffer
    assert not buffer.any()


def test_a_buffer_with_gaps_between_its_rows_is_left_alone(adapter: FrameSource) -> None:
    first = adapter.read()
    assert first is not None
    height, width = first.image.shape[:2]
    buffer = np.zeros((height, 2 * width, 3), np.uint8)[:, :width]
    frame = adapter.read(buffer)
    assert frame is not None
    assert frame.image is not buffer
    assert frame.image.flags.c_contiguous


def check_no_pixels_are_allocated(source: FrameSource) -> None:
    """Check that no read allocates memory for pixels after the first ones have allocated their buffers."""
    buffer: Frame | None = None
    for _ in range(FRAMES - 1):
        frame = source.read(buffer)
        assert frame is not None
        buffer = frame.image
    assert buffer is not None
    tracemalloc.start()
    last = source.read(buffer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert last is not None
    assert peak < buffer.nbytes / 2


@pytest.mark.parametrize("make", [video, stream, v4l2, oriented])
def test_after_the_first_frames_no_pixels_are_allocated(make: Callable[[Stage], FrameSource], stage: Stage) -> None:
    source = make(stage)
    check_no_pixels_are_allocated(source)
    source.close()


@pytest.mark.parametrize("make", RED)
def test_red_frames_are_red(make: Callable[[Stage], FrameSource], stage: Stage) -> None:
    source = make(stage)
    for buffer in (None, np.zeros((48, 64, 3), np.uint8)):
        frame = source.read(buffer)
        assert frame is not None
        np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), COLORS["red"], atol=15)
    source.close()


@pytest.mark.parametrize("make", RECORDINGS)
def test_a_recording_ends_and_goes_on_ending(make: Callable[[Stage], FrameSource], stage: Stage) -> None:
    source = make(stage)
    assert not source.live
    assert [source.read() is None for _ in range(FRAMES + 2)] == [False] * FRAMES + [True, True]
    source.close()


def test_closing_twice_is_safe_and_nothing_is_read_after_it(adapter: FrameSource) -> None:
    adapter.read()
    adapter.close()
    adapter.close()
    with pytest.raises(SourceError, match="closed; open"):
        adapter.read()
