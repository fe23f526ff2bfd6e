"""A fake of the module picamera2, as far as Picamera2Source relies on the real one.

It adjusts the requested configuration silently, pads its rows, lends its memory only until a request is released, gives
no more frames while all of its buffers are lent, and keeps a camera acquired until it is closed.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from types import SimpleNamespace, TracebackType
from typing import Any

import numpy as np

from edge_cls.images.preprocess import Frame
from edge_cls.sources.pixels import FORMATS, Buffer, buffer_size
from edge_cls.testing import FakeClock
from tests.colors import COLORS

BUFFERS = 4


def encode(rgb: tuple[int, int, int], pixel_format: str, size: tuple[int, int], stride: int) -> Buffer:
    """Return a buffer of one colour, with 99 in the padding."""
    red, green, blue = rgb
    width, height = size
    buffer = np.full(buffer_size(pixel_format, height, stride), 99, np.uint8)
    rows = buffer[: height * stride].reshape(height, stride)
    if pixel_format not in ("NV12", "YUV420"):
        pixel = (red, green, blue) if "BGR" in pixel_format else (blue, green, red)
        channels = 4 if "X" in pixel_format else 3
        rows[:, : width * channels].reshape(height, width, channels)[:] = (*pixel, 77)[:channels]
        return buffer
    rows[:, :width] = round(16 + 0.257 * red + 0.504 * green + 0.098 * blue)
    u = round(128 - 0.148 * red - 0.291 * green + 0.439 * blue)
    v = round(128 + 0.439 * red - 0.368 * green - 0.071 * blue)
    chroma = buffer[height * stride :]
    if pixel_format == "NV12":
        chroma.reshape(height // 2, stride)[:, :width].reshape(height // 2, width // 2, 2)[:] = (u, v)
    else:
        chroma.reshape(2, height // 2, stride // 2)[:, :, : width // 2] = [[[u]], [[v]]]
    return buffer


class ColorSpace:
    """A part of libcamera's colour spaces."""

    def __init__(self, name: str) -> None:
        self.name = name

    @staticmethod
    def Smpte170m() -> ColorSpace:  # noqa: N802 - libcamera's name
        return ColorSpace("SMPTE170M")


class World:
    """The cameras, their behaviour, and which of them are acquired."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.cameras = [{"Model": "imx708", "Id": "/base/i2c@80000/imx708@1a", "Num": 0}]
        self.controls: dict[str, tuple[Any, Any, Any]] = {
            "AfMode": (0, 2, 0),
            "ExposureTime": (1, 66666, 20000),
            "FrameDurationLimits": (100, 10**9, 0),
        }
        self.formats: Mapping[str, str] = {}
        self.largest = (4608, 2592)
        self.lores_ratio = 1.0
        self.padding = 32
        self.stamped = True
        self.stalls = False
        self.torn = False
        self.failure: BaseException | None = None
        self.configure_failure: BaseException | None = None
        self.colors = list(COLORS.values())[:1]
        self.acquired: set[int] = set()
        self.set: dict[str, Any] = {}
        self.lent: list[Request] = []
        self.color_space = ""

    @property
    def library(self) -> Any:
        """The replacement of the module."""
        return SimpleNamespace(Picamera2=type("Picamera2", (FakePicamera2,), {"world": self}), MappedArray=MappedArray)


class FakePicamera2:
    """The camera."""

    world: World

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return list(cls.world.cameras)

    def __init__(self, number: int) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe2(os.O_NONBLOCK)
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.is_open = False
        self.number = number
        if number in self.world.acquired:
            self.notifymeread.close()  # the real one leaves this to the garbage collector
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.world.acquired.add(number)
        self.is_open = True
        self.started = False
        self.frames = 0
        self._configuration: dict[str, Any] = {}

    @property
    def camera_controls(self) -> dict[str, Any]:
        return dict(self.world.controls)

    def create_video_configuration(
        self, main: dict[str, Any], lores: dict[str, Any] | None, raw: object
    ) -> dict[str, Any]:
        del raw
        return {
            "main": {"format": "XBGR8888", "size": (1280, 720)} | main,
            "lores": lores and {"format": "YUV420"} | lores,
            "colour_space": ColorSpace("Rec709"),
        }

    def configure(self, configuration: dict[str, Any]) -> None:
        if self.world.configure_failure:
            raise self.world.configure_failure
        self.world.color_space = configuration["colour_space"].name
        self._configuration = {"main": self._adjusted("main", configuration["main"], 1.0), "lores": None}
        if configuration["lores"]:
            self._configuration["lores"] = self._adjusted("lores", configuration["lores"], self.world.lores_ratio)

    def _adjusted(self, name: str, requested: dict[str, Any], ratio: float) -> dict[str, Any]:
        pixel_format = self.world.formats.get(name, requested["format"])
        width, height = (
            min(side, limit) // 2 * 2 for side, limit in zip(requested["size"], self.world.largest, strict=True)
        )
        width = round(width * ratio) // 2 * 2
        row = width * {"BGR888": 3, "RGB888": 3, "XBGR8888": 4, "XRGB8888": 4}.get(pixel_format, 1)
        return {"format": pixel_format, "size": (width, height), "stride": row + self.world.padding}

    def camera_configuration(self) -> dict[str, Any]:
        return self._configuration

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.world.set |= controls

    def start(self) -> None:
        assert self._configuration
        self.started = True

    def capture_request(self, wait: float) -> Request:
        if self.world.failure:
            raise self.world.failure
        if self.world.stalls or not self.started or len(self.world.lent) == BUFFERS:
            self.world.clock.sleep(wait)
            raise TimeoutError
        color = self.world.colors[self.frames % len(self.world.colors)]
        self.frames += 1
        request = Request(self.world, color, self._configuration)
        self.world.lent.append(request)
        return request

    def close(self) -> None:
        if not self.is_open:
            return
        self.is_open = self.started = False
        self.world.acquired.remove(self.number)
        self.notifymeread.close()
        os.close(self.notifyme_w)


class Request:
    """The frames of one moment, in all streams."""

    def __init__(self, world: World, color: tuple[int, int, int], configuration: dict[str, Any]) -> None:
        self.world = world
        self.stamp = round((world.clock.monotonic() - 0.02) * 1e9)
        self.memory = {
            name: encode(color, stream["format"], stream["size"], stream["stride"])
            for name, stream in configuration.items()
            if stream and stream["format"] in FORMATS
        }

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.stamp} if self.world.stamped else {"Lux": 100.0}

    def release(self) -> None:
        self.world.lent.remove(self)


class MappedArray:
    """The memory of one stream of a request, while the context lasts."""

    def __init__(self, request: Request, stream: str, reshape: bool = True, write: bool = True) -> None:
        assert not reshape
        assert not write
        memory = request.memory[stream]
        self._memory = memory[: memory.size // 2] if request.world.torn else memory

    def __enter__(self) -> MappedArray:
        self._mapping = mmap.mmap(-1, self._memory.size)
        self._mapping.write(self._memory.tobytes())
        self.array = np.frombuffer(self._mapping, np.uint8)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.array
        self._mapping.close()  # a BufferError if something still refers to the array


def solid(color: tuple[int, int, int], frame: Frame) -> bool:
    """Return whether all pixels of `frame` have about this colour."""
    return bool((np.abs(frame.astype(int) - color) <= 4).all())
