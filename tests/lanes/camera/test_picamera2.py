"""The real Picamera2 on a virtual camera of the real libcamera: make test-camera."""

from __future__ import annotations

import contextlib
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.reconnect import Camera
from edge_cls.sources.opening import open_source
from edge_cls.sources.oriented import Oriented
from edge_cls.sources.picamera2 import Picamera2Source
from tests.lanes.camera.conftest import PALETTE, half_and_half
from tests.lanes.camera.virtual import CAMERA, FEWEST, show

pytestmark = [
    pytest.mark.camera,
    pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning"),  # Picamera2 still calls it
]

PATIENCE = 30.0
# The virtual camera labels JPEG's full range as limited, so that the contrast grows by a sixth.
TOLERANCE = 25


def opened(library: Any, **options: Any) -> Picamera2Source:
    return Picamera2Source(CAMERA, clock=time, library=library, **{"stall_s": PATIENCE} | options)


@pytest.fixture
def source(library: Any) -> Iterator[Picamera2Source]:
    source = opened(library)
    yield source
    source.close()


def color_of(frame: Frame) -> str | None:
    """Return the photo of the palette that a frame shows."""
    height, width = frame.shape[:2]
    seen = frame[height // 8 : -height // 8, width // 8 : width * 3 // 8].mean(axis=(0, 1))
    grey = frame[:, width * 5 // 8 : -width // 8].mean(axis=(0, 1))
    assert grey == pytest.approx((128, 128, 128), abs=8)
    return next((name for name, color in PALETTE.items() if seen == pytest.approx(color, abs=TOLERANCE)), None)


def test_frames_of_known_photos_come_in_their_colors_and_the_right_way_round(source: Picamera2Source) -> None:
    assert source.live
    seen = set()
    before = None
    buffer: Frame | None = None
    for index in range(60):
        frame = source.read(buffer)
        assert frame.image.shape == (480, 640, 3)
        assert buffer is None or frame.image is buffer
        buffer = frame.image
        assert frame.info.index == index
        assert before is None or before < frame.info.captured <= time.monotonic()
        before = frame.info.captured
        seen.add(color_of(frame.image))
    assert None not in seen
    assert len(seen) >= 3


def test_the_configuration_is_read_back(library: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = opened(library, size=(1000, 700))
    assert str(source.main) == "640 x 480 NV12"
    assert "gives 640 x 480 NV12, which is not the requested size" in caplog.text
    assert color_of(source.read().image) in PALETTE
    source.close()


def test_two_streams_are_of_the_same_moment(library: Any) -> None:
    source = opened(library, lores=(320, 240))
    assert source.lores is not None
    for _ in range(10):
        frame = source.read()
        assert frame.detail is not None
        assert frame.image.shape == (source.lores.height, source.lores.width, 3)
        assert color_of(frame.detail()) == color_of(frame.image)
    source.close()


def test_a_camera_that_is_closed_by_another_is_reported_and_works_when_it_is_opened_again(library: Any) -> None:
    source = opened(library, stall_s=1.0)
    source.read()
    source._camera.close()
    with pytest.raises(SourceError, match=r"gave no frame for 1 s|failed"):
        source.read()
    source.close()
    again = opened(library)
    assert color_of(again.read().image) in PALETTE
    again.close()
    again.close()
    with pytest.raises(SourceError, match="is closed"):
        again.read()


def test_nothing_is_left_of_a_camera_that_could_not_be_started(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Any]] = []

    def fail(camera: Any) -> None:
        made.append(weakref.ref(camera))
        raise RuntimeError("Failed to start camera")

    with monkeypatch.context() as patched:
        patched.setattr(library.Picamera2, "start", fail)
        with pytest.raises(SourceError, match="cannot be started"):
            opened(library)
    with contextlib.closing(opened(library)) as source:
        assert [camera() for camera in made] == [None]
        assert color_of(source.read().image) in PALETTE


def test_nothing_is_left_of_a_camera_that_was_closed_amid_a_frame(library: Any) -> None:
    colors = ("red", "blue", "green")
    openings: list[weakref.ref[Any]] = []
    real = library.MappedArray

    def open_it() -> Picamera2Source:
        assert [camera() for camera in openings] == [None] * len(openings)
        assert len(openings) < len(colors)
        source = opened(library)
        openings.append(weakref.ref(source._camera))
        return source

    class Closing(real):  # type: ignore[misc, valid-type] # its class is known in the root alone
        def __init__(self, request: Any, *args: Any, **options: Any) -> None:
            library.MappedArray = real
            request.picam2.close()
            super().__init__(request, *args, **options)

    with contextlib.closing(Camera(open_it, clock=time)) as camera:
        for color in colors:
            # libcamera reads the photos at its start, which needs everything of the previous run to be freed.
            show([half_and_half(PALETTE[color])] * FEWEST)
            frame = camera.read()
            assert frame is not None
            assert color_of(frame.image) == color
            library.MappedArray = Closing
    assert len(openings) == len(colors)


def test_a_camera_in_use_is_reported_and_its_user_is_not_disturbed(library: Any, source: Picamera2Source) -> None:
    with pytest.raises(SourceError, match="cannot be opened: it is in use"):
        opened(library)
    assert color_of(source.read().image) in PALETTE


def test_opening_again_and_again_keeps_the_number_of_file_descriptors(library: Any) -> None:
    kept = []
    for _ in range(5):
        source = opened(library, lores=(320, 240))
        source.read()
        with pytest.raises(SourceError, match="in use"):
            opened(library)
        source.close()
        kept.append(len(list(Path("/proc/self/fd").iterdir())))
    assert kept == kept[-1:] * 5


def test_a_camera_is_free_again_after_settings_that_it_refuses(library: Any) -> None:
    with pytest.raises(SourceError, match=r"has no control AfMode; use some of: .*FrameDurationLimits"):
        opened(library, controls={"AfMode": 2})
    with pytest.raises(SourceError, match="does not accept 'no number' for its control FaceDetectMode; give"):
        opened(library, controls={"FaceDetectMode": "no number"})
    source = opened(library, fps=30.0, controls={"FaceDetectMode": 0})
    source.read()
    source.close()


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("7", r"picamera2:7 matches no camera; choose one of .*virtual-frames"),
        ("imx999", "picamera2:imx999 matches no camera"),
    ],
)
def test_a_camera_that_is_not_there_is_reported_with_those_that_exist(library: Any, which: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Picamera2Source(which, clock=time, library=library)


def test_it_is_opened_by_name_and_turned(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", library)
    source = open_source("picamera2:virtual-frames", clock=time, rotation=90, mirror=True, stall_s=PATIENCE)
    assert isinstance(source, Oriented)
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (640, 480, 3)
    upright = np.ascontiguousarray(np.rot90(frame.image[:, ::-1]))
    assert color_of(upright) in PALETTE
    source.close()
