"""Opening sources by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_cls.errors import ConfigError, SourceError
from edge_cls.runtime.ports import FrameSource
from edge_cls.sources import opening
from edge_cls.sources.images import ImagesSource
from edge_cls.sources.opening import is_live, open_source
from edge_cls.sources.oriented import Oriented
from edge_cls.sources.video import VideoSource
from edge_cls.testing import FakeClock, FakeSource
from tests.colors import color_frame
from tests.video import write_video


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with photos, a video, and files that are neither."""
    (tmp_path / "photos" / "below").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    for name in ("0.png", "2.png", "below/1.png"):
        Image.fromarray(color_frame("red")).save(tmp_path / "photos" / name)
    write_video(tmp_path / "red.avi")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("spec", "kind", "count"),
    [
        ("photos/0.png", ImagesSource, 1),
        ("photos", ImagesSource, 3),
        ("photos/**/[01].png", ImagesSource, 2),
        ("red.avi", VideoSource, 3),
    ],
)
def test_files_are_named_by_their_path(spec: str, kind: type, count: int) -> None:
    source = open_source(spec, clock=FakeClock())
    assert isinstance(source, kind)
    assert sum(source.read() is not None for _ in range(count + 1)) == count
    source.close()


class Opened(FakeSource):
    """Keeps the arguments with which it was opened."""

    def __init__(self, which: str = "", *, clock: FakeClock, **options: Any) -> None:
        super().__init__([color_frame("red")])
        self.clock = clock
        self.which = which
        self.options = options


@pytest.mark.parametrize(
    ("spec", "which"),
    [
        ("v4l2:0", "0"),
        ("v4l2:/dev/video2", "/dev/video2"),
        ("/dev/video2", "/dev/video2"),
        ("/dev/v4l/by-id/usb-Maker_Camera-video-index0", "/dev/v4l/by-id/usb-Maker_Camera-video-index0"),
        ("/dev/v4l/by-path/pci-0000:00:14.0-usb", "/dev/v4l/by-path/pci-0000:00:14.0-usb"),
    ],
)
def test_a_usb_camera_is_named_by_number_or_path(monkeypatch: pytest.MonkeyPatch, spec: str, which: str) -> None:
    monkeypatch.setattr(opening, "V4l2Source", Opened)
    source = open_source(spec, clock=FakeClock(), size=(640, 480), fps=15.0, stall_s=3.0)
    assert isinstance(source, Opened)
    assert source.which == which
    assert source.options == {"size": (640, 480), "fps": 15.0, "stall_s": 3.0}


@pytest.mark.parametrize("url", ["rtsp://camera/1", "http://camera/video", "https://Camera/Video"])
@pytest.mark.parametrize("spelt", [str.lower, str.upper])
def test_a_network_camera_is_named_by_its_url(
    monkeypatch: pytest.MonkeyPatch, url: str, spelt: Callable[[str], str]
) -> None:
    monkeypatch.setattr(opening, "StreamSource", Opened)
    scheme, separator, rest = url.partition(":")
    source = open_source(f"{spelt(scheme)}{separator}{rest}", clock=FakeClock(), stall_s=3.0)
    assert isinstance(source, Opened)
    assert (source.which, source.options) == (url, {"stall_s": 3.0})


@pytest.mark.parametrize(
    ("spec", "live"),
    [
        ("picamera2", True),
        ("picamera2:imx708", True),
        ("v4l2:0", True),
        ("/dev/video2", True),
        ("rtsp://camera/1", True),
        ("RTSP://camera/1", True),
        ("http://camera/video", True),
        ("demo", True),
        ("clip.mp4", False),
        ("photos", False),
        ("photos/*.jpg", False),
        ("picamra2", False),
        ("v4l2", False),
        ("rtps://camera/1", False),
    ],
)
def test_a_camera_is_recognised_by_its_name_alone(spec: str, live: bool) -> None:
    assert is_live(spec) is live


def test_the_demo_is_named_demo() -> None:
    source = open_source("demo", clock=FakeClock())
    assert source.live
    source.close()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("missing.mp4", r"^missing\.mp4 does not exist; use a camera \(picamera2, v4l2:0, rtsp://\.\.\.\), a video"),
        ("missing.jpg", r"^missing\.jpg does not exist"),
        ("notes.txt", "is not a video that OpenCV can read; convert it to MP4"),
        ("empty", r"contains no image; name a folder of \.bmp, \.jpeg, \.jpg, \.png, \.webp files"),
        ("*.gif", "no file matches .*; check the pattern"),
        ("picamera", "^picamera does not exist; did you mean 'picamera2'?"),
        ("picamra2:1", "did you mean 'picamera2'?"),
        ("Demo", "did you mean 'demo'?"),
        ("v4l2", "did you mean 'v4l2:0'?"),
        ("v4l:0", "did you mean 'v4l2:0'?"),
        ("rtps://user:secret@camera/1?b=[1]", r"^rtps://camera does not exist; did you mean rtsp://\.\.\."),
        ("rtsp:/user:secret@camera/1", r"^\.\.\.@camera/1 does not exist; "),
        ("user:se/cret@camera/1", r"^\.\.\.@camera/1 does not exist; "),
        ("rtsp:/user:secret*@camera/1", r"^no file matches \.\.\.@camera/1; "),
        ("mms://camera", "use rtsp, http or https"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_the_nearest_one(spec: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as refused:
        open_source(spec, clock=FakeClock())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("v4l2:x", "v4l2 takes a number or an absolute path; write v4l2:0, or v4l2:/dev/video0"),
        ("v4l2://dev/video0", "v4l2 takes a number or an absolute path; write v4l2:0, or v4l2:/dev/video0"),
        ("http://:8080/", "a stream needs a host; write http://HOST/..."),
    ],
)
def test_a_name_that_no_machine_has_is_a_setting_that_makes_no_sense(spec: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_source(spec, clock=FakeClock())
    assert str(refused.value) == message


def test_a_misspelt_name_is_reported_before_its_options() -> None:
    with pytest.raises(SourceError, match=r"did you mean 'picamera2'?"):
        open_source("picamra2", clock=FakeClock(), size=(640, 480))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("red.avi", {"size": (640, 480)}, r"^red\.avi has no option size; leave size out"),
        ("photos", {"fps": 5.0}, "has no option fps"),
        ("demo", {"controls": {"AfMode": 2}}, "has no option controls"),
        ("v4l2:0", {"lores": (320, 240)}, "has no option lores"),
        ("http://user:secret@camera/video", {"size": (640, 480)}, "^http://camera has no option size"),
    ],
)
def test_an_option_that_the_source_does_not_have_is_refused(spec: str, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_source(spec, clock=FakeClock(), **options)


@pytest.mark.usefixtures("here")
def test_frames_come_upright_mirrored_and_cut() -> None:
    source = open_source("red.avi", clock=FakeClock(), rotation=90, mirror=True, roi=(0.0, 0.0, 0.5, 1.0))
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (64, 24, 3)
    source.close()


@pytest.mark.usefixtures("here")
def test_the_default_orientation_adds_no_step() -> None:
    source: FrameSource = open_source("red.avi", clock=FakeClock(), controls={}, roi=(0.0, 0.0, 1.0, 1.0))
    assert not isinstance(source, Oriented)
    source.close()


def test_a_source_is_closed_where_its_orientation_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Opened] = []

    def open_camera(*arguments: Any, **options: Any) -> Opened:
        opened.append(Opened(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(opening, "V4l2Source", open_camera)
    with pytest.raises(ConfigError):
        open_source("v4l2:0", clock=FakeClock(), rotation=45)
    assert [source.closed for source in opened] == [True]


def test_all_that_can_be_chosen_of_a_raspberry_pi_camera_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "Picamera2Source", Opened)
    chosen = {"size": (640, 480), "lores": (320, 240), "fps": 15.0, "controls": {"AfMode": 2}, "stall_s": 3.0}
    source = open_source("picamera2:imx708", clock=FakeClock(), **chosen)  # type: ignore[arg-type]
    assert isinstance(source, Opened)
    assert (source.which, source.options) == ("imx708", chosen)
