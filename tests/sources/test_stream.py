"""A network camera: a real stream over loopback, which dies, stalls, comes back, and keeps its password secret."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from edge_cls.core.urls import public_name
from edge_cls.errors import SourceError
from edge_cls.sources.stream import StreamSource
from edge_cls.testing import FakeClock
from tests.colors import COLORS, color_frame
from tests.sources.fake_capture import FakeVideoCapture
from tests.sources.mjpeg_server import MjpegServer

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer([color_frame(name, side=64) for name in COLORS]) as running:
        yield running


def read_on(source: StreamSource) -> None:
    """Read the remaining frames, until an error is raised."""
    while True:
        source.read()


def test_the_frames_come_in_order_and_in_their_colors(server: MjpegServer) -> None:
    source = StreamSource(server.url, clock=FakeClock(), stall_s=PATIENCE)
    for name in (*COLORS, *COLORS):
        image = source.read().image
        assert image.shape == (64, 64, 3)
        np.testing.assert_allclose(image.mean(axis=(0, 1)), COLORS[name], atol=15)
    source.close()


def test_a_stream_that_dies_is_reported_and_works_when_it_is_opened_again(server: MjpegServer) -> None:
    source = StreamSource(server.url, clock=FakeClock(), stall_s=PATIENCE)
    source.read()
    server.die()
    with pytest.raises(SourceError, match=rf"^http://127\.0\.0\.1:{server.port} ended.*check the camera"):
        read_on(source)
    source.close()
    with MjpegServer([color_frame("blue", side=64)]) as back:
        source = StreamSource(back.url, clock=FakeClock(), stall_s=PATIENCE)
        np.testing.assert_allclose(source.read().image.mean(axis=(0, 1)), COLORS["blue"], atol=15)
        source.close()


def test_a_stream_that_stalls_is_reported() -> None:
    # FFmpeg reads the first frames before it returns one.
    with MjpegServer([color_frame("red", side=64)], stalls_after=200) as server:
        source = StreamSource(server.url, clock=FakeClock(), stall_s=0.5)
        with pytest.raises(SourceError, match=r"gave no frame for 0\.5 s"):
            read_on(source)
        source.close()


def test_ffmpeg_gets_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(FakeVideoCapture):
        pass

    monkeypatch.setattr("cv2.VideoCapture", Stream)
    StreamSource("rtsp://camera/1", clock=FakeClock(), stall_s=2.5).close()
    url, backend, options = Stream.requested
    assert (url, backend) == ("rtsp://camera/1", cv2.CAP_FFMPEG)
    assert options == [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 2500, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2500]


def test_a_server_that_never_answers_is_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    with MjpegServer([color_frame("red", side=64)], stalls_after=0) as server:
        with pytest.raises(SourceError, match="cannot be opened: there is no answer"):
            StreamSource(server.url, clock=FakeClock(), stall_s=0.5)
        capfd.readouterr()


@pytest.mark.parametrize("known", [True, False])
def test_the_password_opens_the_stream_and_is_never_shown(known: bool, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "S3cr3t-Pa55"  # noqa: S105 - of the loopback camera above
    with MjpegServer([color_frame("red", side=64)], password=secret if known else "another") as server:
        url = f"http://user:{secret}@127.0.0.1:{server.port}/video?pwd={secret}"
        if known:
            source = StreamSource(url, clock=FakeClock(), stall_s=PATIENCE)
            reported = str(source.read().info)
            source.close()
            with pytest.raises(SourceError) as closed:
                source.read()
            reported += str(closed.value)
        else:
            with pytest.raises(SourceError) as refused:
                StreamSource(url, clock=FakeClock(), stall_s=PATIENCE)
            reported = f"{refused.value!s} {refused.value!r}"
    reported += "".join(capfd.readouterr())
    assert f"http://127.0.0.1:{server.port}" in reported
    assert secret not in reported


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera.local/stream1", "rtsp://camera.local"),
        ("rtsp://user:secret@192.168.1.20:554/h264", "rtsp://192.168.1.20:554"),
        ("http://user:se@cret@camera:8080/video", "http://camera:8080"),
        ("https://[fe80::1]:8443/?user=a&pwd=secret", "https://[fe80::1]:8443"),
        ("rtsp://10.0.0.2:554/user=admin&password=secret&channel=1.sdp", "rtsp://10.0.0.2:554"),
        # Passwords with characters that should have been escaped.
        ("rtsp://user:sec/ret@camera/video", "rtsp://..."),
        ("rtsp://user:12/secret@camera/video", "rtsp://..."),
        ("rtsp://user:sec?ret@camera/video", "rtsp://..."),
        ("rtsp://user:1#secret@camera/video", "rtsp://..."),
        ("rtsp://user:secret", "rtsp://..."),
        ("rtsp://", "rtsp://..."),
        # One that was written before what it belongs to.
        ("user:secret@rtsp://camera/video", "...://camera"),
    ],
)
def test_of_a_url_only_the_host_is_shown(url: str, shown: str) -> None:
    assert public_name(url) == shown
