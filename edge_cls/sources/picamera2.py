"""A Raspberry Pi camera, through Picamera2 and libcamera."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from edge_cls.errors import MissingDependency, SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.installed import install_hint
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.capture import capture_time
from edge_cls.sources.controls import suits
from edge_cls.sources.names import STALL_S
from edge_cls.sources.pixels import FORMATS, Buffer, buffer_size, to_rgb

T = TypeVar("T")

log = logging.getLogger(__name__)

DEFAULT_SIZE = (640, 480)
_FAULTS = (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, BufferError, CancelledError)
"""The exceptions of Picamera2 and libcamera. If a camera disappears while it is in use, nearly all may be raised."""
_CABLE = "check the camera and its cable: rpicam-hello --list-cameras"


@dataclass(frozen=True)
class Stream:
    """The configuration of one of the camera's streams, in pixels. `stride` is in bytes."""

    name: str
    width: int
    height: int
    pixel_format: str
    stride: int

    def rgb(self, buffer: Buffer, into: Frame | None = None) -> Frame:
        """Return the frame in a buffer of this stream, written into `into` if its shape fits."""
        return to_rgb(buffer, self.pixel_format, self.width, self.height, self.stride, into)

    def __str__(self) -> str:
        return f"{self.width} x {self.height} {self.pixel_format}"


class Picamera2Source:
    """The camera `which`: its number, or a part of its model's name or its id.

    `size` (width, height) is requested for the main stream, and `lores` for a second, smaller one. With `lores`, the
    frames come from the smaller stream, and the main one is their `detail`. `fps` and `controls` (libcamera's, by name)
    are passed on. The configuration that the camera chose is read back and logged. Raises SourceError if there is no
    such camera, if it does not support an option, if it is in use, or if no frame comes for `stall_s` seconds, and
    MissingDependency if Picamera2 is not installed. `library` is the module picamera2, or a replacement for it.
    """

    live = True

    def __init__(
        self,
        which: str = "0",
        *,
        clock: Clock,
        size: tuple[int, int] | None = None,
        lores: tuple[int, int] | None = None,
        fps: float | None = None,
        controls: Mapping[str, Any] | None = None,
        stall_s: float = STALL_S,
        library: Any = None,
    ) -> None:
        gc.collect()  # Frees what a failed attempt to open left behind: its exception has held it until now.
        self._library = library or _import_picamera2()
        self._clock = clock
        self._stall_s = stall_s
        self._index = 0
        self._unused: list[Buffer] = []
        self._name = f"picamera2:{which}"
        with self._errors_as("cannot be found"):
            number, self._name = _find(self._library.Picamera2, which)
        self._camera: Any = _acquire(self._library.Picamera2, number, self._name)
        try:
            with self._errors_as("cannot be started"):
                self.main, self.lores = self._configure(size or DEFAULT_SIZE, lores, fps, dict(controls or {}))
                self._camera.start()
        except BaseException:
            self.close()
            raise

    def read(self, into: Frame | None = None) -> CapturedFrame:
        """Return the next frame."""
        if self._camera is None:
            raise SourceError(f"{self._name} is closed", hint="open it again")
        detail: _Detail | None = None
        with self._errors_as("failed"):
            try:
                request = self._camera.capture_request(wait=self._stall_s)
            except TimeoutError:
                raise SourceError(f"{self._name} gave no frame for {self._stall_s:g} s", hint=_CABLE) from None
            try:
                stamp = request.get_metadata().get("SensorTimestamp", 0) / 1e9
                timestamp, captured = capture_time(self._clock, stamp, oldest=self._stall_s)
                image = self._use(request, self.lores or self.main, lambda buffer, stream: stream.rgb(buffer, into))
                if self.lores is not None:
                    detail = self._use(request, self.main, functools.partial(_Detail, unused=self._unused))
            finally:
                request.release()
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, self._name), image, detail)
        self._index += 1
        return frame

    def close(self) -> None:
        """Release the camera, even if it has failed. Closing twice is safe."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            # Without stop(), which waits for ever if the event loop of Picamera2 has died.
            camera.close()
        except _FAULTS as error:
            log.warning("%s could not be closed: %s", self._name, error)
        # A Picamera2 refers to itself: only the garbage collector frees its pipes and buffers.
        del camera
        gc.collect()

    def _configure(
        self, size: tuple[int, int], lores: tuple[int, int] | None, fps: float | None, controls: dict[str, Any]
    ) -> tuple[Stream, Stream | None]:
        camera = self._camera
        configuration = camera.create_video_configuration(
            main={"size": size, "format": "BGR888"},
            lores=lores and {"size": lores, "format": "YUV420"},
            raw=None,
        )
        # From 1280 x 720 on Picamera2 would choose BT.709, but `to_rgb` converts from BT.601.
        configuration["colour_space"] = type(configuration["colour_space"]).Smpte170m()
        camera.configure(configuration)
        self._check_controls(fps, controls)
        if fps is not None:
            duration = round(1e6 / fps)
            controls["FrameDurationLimits"] = (duration, duration)
        camera.set_controls(controls)
        got = camera.camera_configuration()
        main = _stream("main", got["main"], self._name)
        small = _stream("lores", got["lores"], self._name) if lores else None
        if small and abs(small.width * main.height - small.height * main.width) > 2 * max(main.width, main.height):
            raise SourceError(
                f"{self._name} gives {small} as lores, whose aspect ratio is not that of {main}",
                hint="choose sizes of the same ratio, for example size = [1280, 960] and lores = [320, 240]",
            )
        asked = {size, lores} - {None}
        adjusted = {(stream.width, stream.height) for stream in (main, small) if stream} != asked
        log.log(
            logging.WARNING if adjusted else logging.INFO,
            "%s gives %s%s%s",
            self._name,
            main,
            f" and {small} as lores" if small else "",
            ", which is not the requested size" if adjusted else "",
        )
        return main, small

    def _check_controls(self, fps: float | None, controls: Mapping[str, Any]) -> None:
        limits = self._camera.camera_controls
        known = sorted(limits)
        if fps is not None and "FrameDurationLimits" not in known:
            raise SourceError(f"{self._name} has a fixed frame rate", hint="leave fps out")
        if unknown := sorted(set(controls) - set(known)):
            raise SourceError(
                f"{self._name} has no control {', '.join(unknown)}", hint=f"use some of: {', '.join(known)}"
            )

        # libcamera would refuse these too, but then the next start of a camera would crash this process.
        for name, value in controls.items():
            if not suits(value, limits[name]):
                raise SourceError(
                    f"{self._name} does not accept {value!r} for its control {name}",
                    hint=f"give a value of the type of its limits, which are {limits[name][0]} and {limits[name][1]}",
                )

    @contextlib.contextmanager
    def _errors_as(self, problem: str) -> Iterator[None]:
        """Turn the exceptions of the libraries into a SourceError that names `problem`."""
        try:
            yield
        except SourceError:
            raise
        except _FAULTS as error:
            raise SourceError(f"{self._name} {problem} ({error or type(error).__name__})", hint=_CABLE) from error

    def _use(self, request: Any, stream: Stream, use: Callable[[Buffer, Stream], T]) -> T:
        """Return the result of `use` on the camera's own memory. Nothing may refer to that memory afterwards."""
        with self._library.MappedArray(request, stream.name, reshape=False, write=False) as mapped:
            if mapped.array.size < buffer_size(stream.pixel_format, stream.height, stream.stride):
                raise SourceError(
                    f"{self._name} gave an incomplete frame: {mapped.array.size} bytes for {stream}", hint=_CABLE
                )
            return use(mapped.array, stream)


class _Detail:
    """The main stream's frame, which is converted to RGB only when it is called.

    Its bytes are in a buffer from `unused`, which goes back there when nothing refers to the frame any more.
    """

    def __init__(self, buffer: Buffer, stream: Stream, unused: list[Buffer]) -> None:
        self._stream = stream
        self._unused = unused
        self._raw = unused.pop() if unused else np.empty(buffer.size, np.uint8)
        np.copyto(self._raw, buffer)

    def __call__(self) -> Frame:
        return self._stream.rgb(self._raw)

    def __del__(self) -> None:
        self._unused.append(self._raw)


def _stream(name: str, configuration: Mapping[str, Any], camera: str) -> Stream:
    (width, height), pixel_format = configuration["size"], configuration["format"]
    if pixel_format not in FORMATS:
        raise SourceError(
            f"{camera} gives {pixel_format}, not one of {', '.join(FORMATS)}",
            hint="use a USB camera as v4l2:0, without libcamera",
        )
    return Stream(name, width, height, pixel_format, configuration["stride"])


def _find(picamera2: Any, which: str) -> tuple[int, str]:
    """Return the number and the name of the camera that `which` means. Raises SourceError if it is not exactly one."""
    cameras = [(str(info.get("Model", "")), str(info.get("Id", ""))) for info in picamera2.global_camera_info()]
    if not cameras:
        raise SourceError("no camera was found", hint="check its cable, and: rpicam-hello --list-cameras")
    there = ", ".join(f"{number}: {model} ({identity})" for number, (model, identity) in enumerate(cameras))
    if which.isdecimal():
        numbers = [int(which)] if int(which) < len(cameras) else []
    else:
        numbers = [number for number, names in enumerate(cameras) if any(which.lower() in n.lower() for n in names)]
    if len(numbers) != 1:
        problem = "matches several cameras" if numbers else "matches no camera"
        raise SourceError(f"picamera2:{which} {problem}", hint=f"choose one of {there}")
    return numbers[0], f"picamera2:{numbers[0]} ({cameras[numbers[0]][0]})"


def _acquire(picamera2: Any, number: int, name: str) -> Any:
    # In two steps, because a failing __init__ leaves a pipe open, and this may be retried for months.
    camera = picamera2.__new__(picamera2)
    try:
        camera.__init__(number)
    except _FAULTS as error:
        with contextlib.suppress(*_FAULTS):
            if camera.is_open:
                camera.close()
            else:
                camera.notifymeread.close()
                os.close(camera.notifyme_w)
        raise SourceError(
            f"{name} cannot be opened: it is in use, or does not answer",
            hint="stop the program that uses it (fuser -v /dev/media* /dev/video*), and check its cable",
        ) from error
    return camera


def _import_picamera2() -> Any:
    try:
        import picamera2
    except ImportError as error:
        raise MissingDependency(
            f"Picamera2 cannot be imported ({error})",
            hint="run: sudo apt install python3-picamera2; make the venv with python3 -m venv --system-site-packages",
        ) from error
    except ValueError as error:
        # Modules compiled for numpy 1 raise this: "numpy.dtype size changed".
        raise MissingDependency(
            f"Picamera2 was built for another version of numpy ({error})", hint=install_hint("numpy<2")
        ) from error
    return picamera2
