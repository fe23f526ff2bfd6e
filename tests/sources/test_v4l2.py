"""A USB camera, with a fake of OpenCV's capture, because the test machines have no such device."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_cls.errors import SourceError
from edge_cls.sources.v4l2 import V4l2Source
from edge_cls.testing import FakeClock
from tests.sources.fake_capture import FakeVideoCapture

NOW = 1_700_000_000.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> type[FakeVideoCapture]:
    """The fake, instead of OpenCV's capture."""
    fresh = type("Camera", (FakeVideoCapture,), {"clock": clock})
    monkeypatch.setattr("cv2.VideoCapture", fresh)
    return fresh


@pytest.fixture
def device(tmp_path: Path) -> str:
    (tmp_path / "video0").touch()
    return str(tmp_path / "video0")


def test_it_is_opened_by_its_path_and_by_no_other_backend(
    camera: type[FakeVideoCapture], device: str, clock: FakeClock
) -> None:
    V4l2Source(device, clock=clock).close()
    assert camera.requested == (device, cv2.CAP_V4L2)


def test_options_are_requested_and_the_camera_s_choice_is_logged(
    camera: type[FakeVideoCapture], device: str, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    source = V4l2Source(device, clock=clock, size=(1280, 720), fps=15.0)
    assert camera.options[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert caplog.messages == [f"{device} gives 640 x 480 at 15 fps, not the requested 1280 x 720"]
    assert source.read().image.shape == (480, 640, 3)
    source.close()


def test_a_camera_that_meets_the_request_logs_no_warning(
    camera: type[FakeVideoCapture], device: str, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        V4l2Source(device, clock=clock, size=(320, 240)).close()
    assert camera.options[cv2.CAP_PROP_FRAME_WIDTH] == 320
    assert not caplog.messages


@pytest.mark.usefixtures("camera")
def test_a_frame_is_of_when_the_driver_took_it(device: str, clock: FakeClock) -> None:
    info = V4l2Source(device, clock=clock).read().info
    assert info.captured == pytest.approx(NOW - 0.02, abs=1e-6)
    assert info.timestamp == pytest.approx(NOW - 0.02, abs=1e-6)


def test_a_driver_that_counts_from_elsewhere_is_not_believed(
    camera: type[FakeVideoCapture], device: str, clock: FakeClock
) -> None:
    camera.stamped = False
    assert V4l2Source(device, clock=clock).read().info.captured == NOW


def test_a_camera_that_stalls_is_reported_after_the_timeout(
    camera: type[FakeVideoCapture], device: str, clock: FakeClock
) -> None:
    source = V4l2Source(device, clock=clock, stall_s=3.0)
    camera.stalls = True
    with pytest.raises(SourceError, match=r"video0 gave no frame for 3 s; check its cable"):
        source.read()
    assert clock.monotonic() == NOW + 3


def test_a_camera_that_is_unplugged_is_reported(camera: type[FakeVideoCapture], device: str, clock: FakeClock) -> None:
    source = V4l2Source(device, clock=clock)
    camera.problem = "Error is reported for camera stream: 0"
    with pytest.raises(SourceError, match=r"video0 failed .*; check its cable, or plug it in again"):
        source.read()
    camera.problem, camera.gives = None, 0
    with pytest.raises(SourceError, match=r"video0 gives no more frames; check its cable"):
        source.read()


def test_a_number_is_a_device(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(SourceError, match=r"^/dev/video7 does not exist; plug it in; .*v4l2-ctl --list-devices"):
        V4l2Source("7", clock=clock)


def test_a_device_that_is_in_use_is_reported(camera: type[FakeVideoCapture], device: str, clock: FakeClock) -> None:
    camera.opens = False
    with pytest.raises(SourceError, match=r"video0 cannot be opened: it is in use, or it is not a camera; .*fuser -v"):
        V4l2Source(device, clock=clock)


def test_missing_permissions_are_reported_with_the_group(
    monkeypatch: pytest.MonkeyPatch, device: str, clock: FakeClock
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SourceError, match=r"may not be used by this user; run: sudo usermod -aG video"):
        V4l2Source(device, clock=clock)


def test_opencv_waits_for_one_camera_as_the_fake_does(tmp_path: Path) -> None:
    """The real OpenCV refuses a file that is not a V4L camera, which shows that its name and arguments are right."""
    writer = cv2.VideoWriter(str(tmp_path / "one.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    capture = cv2.VideoCapture(str(tmp_path / "one.avi"))
    with pytest.raises(cv2.error, match="supported by V4L backend only"):
        cv2.VideoCapture.waitAny([capture], 1_000_000)
    capture.release()
