"""One contract for every source of frames, and what is special about each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.errors import ImageError, SourceError
from edge_cls.runtime.ports import FrameSource
from edge_cls.service import open_source
from edge_cls.sources.images import ImagesSource
from edge_cls.sources.video import VideoSource
from edge_cls.testing import FakeClock, FakeSource
from tests.colors import COLORS, color_frame
from tests.video import write_video

NOW = 1_700_000_000.0


def write_photos(folder: Path, count: int = 3) -> Path:
    """Write red photos into a folder and a folder below it, and a text beside them."""
    (folder / "below").mkdir(parents=True)
    for index in range(count):
        place = folder / "below" if index % 2 else folder
        Image.fromarray(color_frame("red", index)).save(place / f"{index}.png")
    (folder / "notes.txt").write_text("no photo")
    return folder


def demo_source(_: Path, clock: FakeClock) -> FrameSource:
    pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image: edge-cls[demo]")
    from edge_cls.sources.demo import DemoSource

    return DemoSource(clock=clock)


MAKE: dict[str, Callable[[Path, FakeClock], FrameSource]] = {
    "images": lambda folder, clock: ImagesSource.below(write_photos(folder / "photos"), clock=clock),
    "video": lambda folder, clock: VideoSource(write_video(folder / "red.avi"), clock=clock),
    "demo": demo_source,
    "fake": lambda _, __: FakeSource([color_frame("red", index) for index in range(3)]),
}


@pytest.fixture(params=MAKE)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> FrameSource:
    """Each source in turn, with three frames or more to come."""
    return MAKE[request.param](tmp_path, FakeClock(NOW))


def test_frames_are_rgb_pictures_numbered_from_0(source: FrameSource) -> None:
    for index in range(3):
        frame = source.read()
        assert frame is not None
        assert frame.index == index
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.source
    source.close()


@pytest.mark.parametrize("kind", ["images", "video", "fake"])
def test_a_recording_ends_and_goes_on_ending(tmp_path: Path, kind: str) -> None:
    source = MAKE[kind](tmp_path, FakeClock())
    assert not source.live
    assert [source.read() is None for _ in range(5)] == [False, False, False, True, True]
    source.close()


def test_closing_twice_is_safe(source: FrameSource) -> None:
    source.read()
    source.close()
    source.close()


@pytest.mark.parametrize("kind", ["images", "video"])
def test_what_was_recorded_in_red_stays_red(tmp_path: Path, kind: str) -> None:
    source = MAKE[kind](tmp_path, FakeClock(NOW))
    frame = source.read()
    source.close()
    assert frame is not None
    np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), COLORS["red"], atol=15)


@pytest.mark.parametrize("kind", ["images", "video", "demo"])
def test_a_frame_carries_the_time_of_its_capture(tmp_path: Path, kind: str) -> None:
    clock = FakeClock(NOW)
    source = MAKE[kind](tmp_path, clock)
    source.read()
    clock.sleep(5.0)
    frame = source.read()
    source.close()
    assert frame is not None
    assert (frame.timestamp, frame.captured) == (NOW + 5, NOW + 5)


def test_photos_come_by_name_and_are_named(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", count=4)
    source = ImagesSource.below(folder, clock=FakeClock())
    frames = [source.read() for _ in range(4)]
    expected = [folder / "0.png", folder / "2.png", folder / "below" / "1.png", folder / "below" / "3.png"]
    assert [frame and frame.source for frame in frames] == [str(path) for path in expected]


def test_a_photo_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    source = ImagesSource([tmp_path / "text.jpg"], clock=FakeClock())
    with pytest.raises(ImageError, match=r"text\.jpg is no image of a known kind"):
        source.read()


def test_a_video_without_any_frame_is_told(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "empty.avi", count=0), clock=FakeClock())
    with pytest.raises(SourceError, match="holds no frame that can be decoded; convert it to MP4"):
        source.read()
    source.close()


def test_the_demo_keeps_30_frames_a_second_by_the_clock(tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    source = demo_source(tmp_path, clock)
    captured = [frame.captured - NOW for frame in (source.read() for _ in range(4)) if frame]
    assert captured == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30], abs=1e-6)
    assert clock.monotonic() - NOW == pytest.approx(3 / 30, abs=1e-6)


def test_a_demo_that_is_late_does_not_wait(tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    source = demo_source(tmp_path, clock)
    clock.sleep(10.0)
    source.read()
    source.read()
    assert clock.monotonic() == NOW + 10


def test_the_same_moment_of_the_demo_looks_the_same(tmp_path: Path) -> None:
    one, other = demo_source(tmp_path, FakeClock(NOW)), demo_source(tmp_path, FakeClock(NOW))
    for _ in range(2):
        frame, again = one.read(), other.read()
        assert frame is not None
        assert again is not None
        np.testing.assert_array_equal(frame.image, again.image)


SPECS: dict[str, tuple[str, int]] = {
    "a photo": ("photos/0.png", 1),
    "a folder": ("photos", 3),
    "a pattern": ("photos/**/[01].png", 2),
    "a video": ("red.avi", 3),
}


@pytest.mark.parametrize(("spec", "count"), SPECS.values(), ids=SPECS)
def test_a_spec_names_a_source(tmp_path: Path, spec: str, count: int) -> None:
    write_photos(tmp_path / "photos")
    write_video(tmp_path / "red.avi")
    source = open_source(str(tmp_path / spec))
    assert sum(frame is not None for frame in (source.read() for _ in range(count + 1))) == count
    source.close()


BAD_SPECS: dict[str, tuple[str, str]] = {
    "missing": ("missing.mp4", "does not exist; name a video, an image, a folder, a pattern or 'demo'"),
    "a text": ("notes.txt", "is no video that OpenCV can read; convert it to MP4"),
    "a folder without photos": ("empty", r"holds no image; name a folder of \.bmp, \.jpeg, \.jpg, \.png, \.webp files"),
    "a pattern without matches": ("*.gif", "no file matches .*; check the pattern"),
}


@pytest.mark.parametrize(("spec", "message"), BAD_SPECS.values(), ids=BAD_SPECS)
def test_a_spec_that_names_no_source_is_refused(tmp_path: Path, spec: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(SourceError, match=message):
        open_source(str(tmp_path / spec))


def test_a_list_of_no_photos_is_refused() -> None:
    with pytest.raises(SourceError, match="there is no image to read"):
        ImagesSource([], clock=FakeClock())
