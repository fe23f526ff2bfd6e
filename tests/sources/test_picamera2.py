"""The Raspberry Pi's camera, with a fake of Picamera2; tests/lanes/camera has the real one."""

from __future__ import annotations

import gc
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_cls.errors import MissingDependency, SourceError
from edge_cls.sources.opening import open_source
from edge_cls.sources.picamera2 import Picamera2Source
from edge_cls.sources.pixels import FORMATS
from edge_cls.testing import FakeClock
from tests.colors import COLORS
from tests.sources.fake_picamera2 import World, solid

NOW = 1_700_000_000.0
RED, GREEN, BLUE = COLORS.values()


@pytest.fixture
def world() -> World:
    return World(FakeClock(NOW))


def opened(world: World, which: str = "0", **options: Any) -> Picamera2Source:
    return Picamera2Source(which, clock=world.clock, library=world.library, **options)


@pytest.mark.parametrize("padding", [0, 32])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_format_that_the_camera_may_choose_is_read(world: World, pixel_format: str, padding: int) -> None:
    world.formats, world.padding = {"main": pixel_format}, padding
    source = opened(world, size=(64, 48))
    frame = source.read()
    assert frame.image.shape == (48, 64, 3)
    assert solid(RED, frame.image)
    assert frame.detail is None
    source.close()


def test_the_size_is_the_camera_s_choice_and_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.largest, world.formats = (640, 480), {"main": "NV12"}
    source = opened(world, size=(1000, 700))
    assert source.read().image.shape == (480, 640, 3)
    source.close()
    assert caplog.messages == [
        "picamera2:0 (imx708) gives 640 x 480 NV12, which is not the requested size",
    ]


def test_a_camera_that_meets_the_request_logs_no_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        opened(world, size=(640, 480), lores=(320, 240)).close()
    assert not caplog.messages


def test_colors_are_those_of_bt601_whatever_the_size(world: World) -> None:
    opened(world, size=(1920, 1080)).close()
    assert world.color_space == "SMPTE170M"


def test_inference_sees_lores_and_crops_come_from_main(world: World) -> None:
    source = opened(world, size=(128, 96), lores=(64, 48))
    frame = source.read()
    assert frame.image.shape == (48, 64, 3)
    assert solid(RED, frame.image)
    assert frame.detail is not None
    assert frame.detail().shape == (96, 128, 3)
    assert solid(RED, frame.detail())
    source.close()


def test_the_detail_of_a_frame_that_is_kept_stays_its_own(world: World) -> None:
    world.colors = [RED, GREEN, BLUE]
    source = opened(world, size=(128, 96), lores=(64, 48))
    frames = [source.read() for _ in range(3)]
    source.close()
    for color, frame in zip(world.colors, frames, strict=True):
        assert frame.detail is not None
        assert solid(color, frame.detail())


def test_the_memory_of_details_is_used_again(world: World) -> None:
    source = opened(world, size=(128, 96), lores=(64, 48))
    buffers = set()
    frame = None
    for _ in range(10):
        frame = source.read()
        assert frame.detail is not None
        buffers.add(frame.detail._raw.ctypes.data)  # type: ignore[attr-defined] # the point of this test
    source.close()
    assert len(buffers) == 2  # the previous frame still holds its buffer while the next one is read


def test_lores_of_another_aspect_ratio_is_refused_and_the_camera_is_free_again(world: World) -> None:
    world.lores_ratio = 1.3
    message = r"gives 416 x 240 YUV420 as lores, whose aspect ratio is not that of 640 x 480 BGR888"
    with pytest.raises(SourceError, match=message):
        opened(world, lores=(320, 240))
    assert not world.acquired


def test_a_format_that_we_cannot_read_is_refused(world: World) -> None:
    world.formats = {"main": "MJPEG"}
    with pytest.raises(SourceError, match=r"gives MJPEG, not one of BGR888, .*; use a USB camera as v4l2:0"):
        opened(world)
    assert not world.acquired


def test_controls_and_the_frame_rate_are_passed_on(world: World) -> None:
    opened(world, fps=25.0, controls={"AfMode": 2, "ExposureTime": 10000}).close()
    assert world.set == {"AfMode": 2, "ExposureTime": 10000, "FrameDurationLimits": (40000, 40000)}


def test_a_control_that_the_camera_does_not_have_is_refused_with_those_that_it_has(world: World) -> None:
    with pytest.raises(SourceError, match="has no control AfMod; use some of: AfMode, ExposureTime, FrameDuration"):
        opened(world, controls={"AfMod": 2})
    assert not world.acquired


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("AfMode", 2, "continuous"),
        ("AfMode", 0, 1.5),
        ("AfMode", 1, None),
        ("AfMode", 1, 10**12),
        ("AeEnable", False, "no"),
        ("FrameDurationLimits", [40000, 40000], [40000, 0.5]),
        ("FrameDurationLimits", 10**9, [[1, 2]]),
        ("LensPosition", 2, "near"),
        ("ColourGains", [1.5, 2], [1.5, "2"]),
        ("ScalerCrop", [0, 0, 640, 480], [0, 0, 640]),
        ("AfWindows", [[0, 0, 64, 48], [64, 48, 64, 48]], [0, 0, 64, 0.5]),
    ],
)
def test_a_value_of_another_type_never_reaches_libcamera(world: World, name: str, good: Any, bad: Any) -> None:
    world.controls |= {
        "AeEnable": (False, True, True),
        "LensPosition": (0.0, 32.0, 1.0),
        "ColourGains": (0.0, 32.0, None),
        "ScalerCrop": ((0, 0, 64, 64), (0, 0, 4608, 2592), (0, 0, 4608, 2592)),
        "AfWindows": ((0, 0, 0, 0), (65535, 65535, 65535, 65535), (0, 0, 0, 0)),
    }
    opened(world, controls={name: good}).close()
    assert world.set == {name: good}
    with pytest.raises(SourceError, match=f"does not accept .* for its control {name}; give a value"):
        opened(world, controls={name: bad})
    assert not world.acquired


def test_a_frame_rate_that_cannot_be_chosen_is_refused(world: World) -> None:
    del world.controls["FrameDurationLimits"]
    with pytest.raises(SourceError, match="has a fixed frame rate; leave fps out"):
        opened(world, fps=25.0)
    assert not world.acquired


def test_a_frame_is_of_when_the_sensor_saw_it(world: World) -> None:
    source = opened(world)
    info = source.read().info
    source.close()
    assert info.captured == pytest.approx(NOW - 0.02, abs=1e-6)
    assert info.timestamp == pytest.approx(NOW - 0.02, abs=1e-6)


def test_a_camera_that_does_not_say_when_is_taken_to_mean_now(world: World) -> None:
    world.stamped = False
    source = opened(world)
    assert source.read().info.captured == NOW
    source.close()


def test_a_camera_that_stalls_is_reported_after_the_timeout(world: World) -> None:
    source = opened(world, stall_s=3.0)
    world.stalls = True
    with pytest.raises(SourceError, match=r"picamera2:0 \(imx708\) gave no frame for 3 s; check the camera and its"):
        source.read()
    assert world.clock.monotonic() == NOW + 3
    source.close()
    assert not world.acquired


@pytest.mark.parametrize("failure", [RuntimeError("Failed to queue request"), OSError(9, "Bad file descriptor")])
def test_a_camera_that_fails_is_reported_and_can_be_opened_again(world: World, failure: Exception) -> None:
    source = opened(world)
    world.failure = failure
    with pytest.raises(SourceError, match=r"picamera2:0 \(imx708\) failed \(.*; check the camera and its cable"):
        source.read()
    source.close()
    world.failure = None
    again = opened(world)
    assert solid(RED, again.read().image)
    again.close()


def test_an_incomplete_frame_is_reported_and_its_request_goes_back(world: World) -> None:
    source = opened(world)
    world.torn = True
    with pytest.raises(SourceError, match=r"gave an incomplete frame: 468480 bytes for 640 x 480 BGR888"):
        source.read()
    assert not world.lent
    world.torn = False
    source.read()
    source.close()


def test_no_request_is_kept(world: World) -> None:
    source = opened(world, lores=(320, 240))
    frames = [source.read() for _ in range(20)]  # more than the camera has buffers
    assert len(frames) == 20
    assert not world.lent
    source.close()


def test_a_camera_that_fails_while_it_is_configured_is_free_again(world: World) -> None:
    world.configure_failure = RuntimeError("Invalid camera configuration")
    with pytest.raises(SourceError, match=r"cannot be started \(Invalid camera configuration\)"):
        opened(world)
    assert not world.acquired


def test_a_camera_in_use_is_reported_and_retrying_loses_no_file_descriptor(world: World) -> None:
    source = opened(world)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(SourceError, match=r"cannot be opened: it is in use, or does not answer; stop the program"):
            opened(world)
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    source.read()
    source.close()


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("2", r"picamera2:2 matches no camera; choose one of 0: imx708 \(/base/i2c@80000/imx708@1a\), 1: imx219 \("),
        ("ov5647", "picamera2:ov5647 matches no camera; choose one of 0: imx708"),
        ("imx", "picamera2:imx matches several cameras; choose one of 0: imx708"),
    ],
)
def test_a_camera_that_is_not_there_is_reported_with_those_that_exist(world: World, which: str, message: str) -> None:
    world.cameras.append({"Model": "imx219", "Id": "/base/i2c@88000/imx219@10", "Num": 1})
    with pytest.raises(SourceError, match=message):
        opened(world, which)


@pytest.mark.parametrize(("which", "number"), [("1", 1), ("imx219", 1), ("IMX708", 0), ("i2c@88000", 1)])
def test_a_camera_is_chosen_by_number_model_or_id(world: World, which: str, number: int) -> None:
    world.cameras.append({"Model": "imx219", "Id": "/base/i2c@88000/imx219@10", "Num": 1})
    source = opened(world, which)
    assert world.acquired == {number}
    source.close()


def test_no_camera_at_all_is_reported(world: World) -> None:
    world.cameras.clear()
    with pytest.raises(SourceError, match="no camera was found; check its cable"):
        opened(world)


def test_without_picamera2_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MissingDependency, match=r"sudo apt install python3-picamera2; .*--system-site-packages"):
        open_source("picamera2", clock=FakeClock())


def test_a_picamera2_built_for_another_numpy_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency, match=r"\(numpy\.dtype size changed\); run: .*pip install .*'numpy<2'"):
        open_source("picamera2:imx708", clock=FakeClock())


def test_it_is_opened_by_name_with_all_that_it_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", world.library)
    source = open_source(
        "picamera2:imx708", clock=world.clock, size=(128, 96), lores=(64, 48), fps=10.0, controls={"AfMode": 1}
    )
    frame = source.read(np.zeros((48, 64, 3), np.uint8))
    assert frame is not None
    assert frame.image.shape == (48, 64, 3)
    assert world.set == {"AfMode": 1, "FrameDurationLimits": (100000, 100000)}
    source.close()
    assert not world.acquired
