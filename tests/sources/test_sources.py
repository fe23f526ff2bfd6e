"""Photos, videos and the demo: everything beyond the contract of sources in test_contract.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.errors import ImageError, SourceError
from edge_cls.runtime.ports import FrameSource
from edge_cls.sources.images import ImagesSource
from edge_cls.sources.video import VideoSource
from edge_cls.testing import FakeClock
from tests.colors import COLORS, color_frame
from tests.video import write_video

NOW = 1_700_000_000.0


def write_photos(folder: Path, count: int = 3) -> Path:
    """Write red photos into a folder and its subfolder, and a text file."""
    (folder / "below").mkdir(parents=True)
    for index in range(count):
        place = folder / "below" if index % 2 else folder
        Image.fromarray(color_frame("red", index)).save(place / f"{index}.png")
    (folder / "notes.txt").write_text("no photo")
    return folder


def demo_source(clock: FakeClock) -> FrameSource:
    from edge_cls.sources.demo import DemoSource

    return DemoSource(clock=clock)


def test_photos_come_by_name_and_are_named(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", count=4)
    source = ImagesSource.below(folder, clock=FakeClock())
    frames = [source.read() for _ in range(4)]
    expected = [folder / "0.png", folder / "2.png", folder / "below" / "1.png", folder / "below" / "3.png"]
    assert [frame and frame.info.source for frame in frames] == [str(path) for path in expected]


def test_a_photo_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    source = ImagesSource([tmp_path / "text.jpg"], clock=FakeClock())
    with pytest.raises(ImageError, match=r"text\.jpg is not an image of a known format"):
        source.read()


def test_a_video_without_any_frame_is_reported(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "empty.avi", count=0), clock=FakeClock())
    with pytest.raises(SourceError, match="contains no frame that can be decoded; convert it to MP4"):
        source.read()
    source.close()


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    pictures = [Image.fromarray(color_frame(name)) for name in COLORS]
    pictures[0].save(tmp_path / "colors.gif", save_all=True, append_images=pictures[1:], duration=100)
    source = VideoSource(tmp_path / "colors.gif", clock=FakeClock())
    for expected in COLORS.values():
        frame = source.read()
        assert frame is not None
        np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), expected, atol=20)
    assert source.read() is None
    source.close()


def test_the_demo_keeps_30_frames_a_second_by_the_clock() -> None:
    clock = FakeClock(NOW)
    source = demo_source(clock)
    captured = [frame.info.captured - NOW for frame in (source.read() for _ in range(4)) if frame]
    assert captured == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30], abs=1e-6)
    assert clock.monotonic() - NOW == pytest.approx(3 / 30, abs=1e-6)


def test_a_demo_that_is_late_does_not_wait() -> None:
    clock = FakeClock(NOW)
    source = demo_source(clock)
    clock.sleep(10.0)
    source.read()
    source.read()
    assert clock.monotonic() == NOW + 10


def test_the_same_moment_of_the_demo_looks_the_same() -> None:
    one, other = demo_source(FakeClock(NOW)), demo_source(FakeClock(NOW))
    for _ in range(2):
        frame, again = one.read(), other.read()
        assert frame is not None
        assert again is not None
        np.testing.assert_array_equal(frame.image, again.image)


def test_a_list_of_no_photos_is_refused() -> None:
    with pytest.raises(SourceError, match="there is no image to read"):
        ImagesSource([], clock=FakeClock())


def test_the_position_of_a_frame_is_by_the_frame_rate_of_the_video(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "red.avi"), clock=FakeClock())
    read = [source.read() for _ in range(3)]
    source.close()
    assert [frame and frame.info.position for frame in read] == pytest.approx([0.0, 0.04, 0.08])
