"""The names of sources: which kind a name means, without opening it."""

from __future__ import annotations

import re
from typing import Literal

from edge_cls.core.urls import has_host
from edge_cls.errors import ConfigError

Kind = Literal["picamera2", "v4l2", "stream", "demo", "files"]

SCHEMES = ("rtsp", "http", "https")
OPTIONS = {"picamera2": ("size", "fps", "lores", "controls"), "v4l2": ("size", "fps")}
"""The options of each kind of source; the other kinds have none."""
STALL_S = 10.0
"""Seconds without a frame after which a camera counts as failed, unless the configuration sets another number."""


def parse_source(name: str) -> tuple[Kind, str]:
    """Return the kind of source that `name` means, and which source of that kind; for a stream, its URL for FFmpeg.

    >>> parse_source("picamera2"), parse_source("/dev/video2"), parse_source("RTSP://Camera/1")
    (('picamera2', '0'), ('v4l2', '/dev/video2'), ('stream', 'rtsp://Camera/1'))
    """
    kind, _, which = (f"v4l2:{name}" if name.startswith(("/dev/video", "/dev/v4l/")) else name).partition(":")
    if name == "picamera2" or (kind == "picamera2" and which):
        return "picamera2", which or "0"
    if kind == "v4l2" and which:
        return "v4l2", which
    if kind.lower() in SCHEMES and which.startswith("//"):
        return "stream", f"{kind.lower()}:{which}"
    return ("demo" if name == "demo" else "files"), name


def device_file(which: str) -> str:
    """Return the device file of the v4l2 source `which`, which is a number or the device file itself.

    >>> device_file("0"), device_file("/dev/v4l/by-id/usb-cam")
    ('/dev/video0', '/dev/v4l/by-id/usb-cam')
    """
    return f"/dev/video{which}" if which.isdecimal() else which


def check_source(name: str) -> str:
    """Return `name`. Raises ConfigError if no machine could have a source of that name."""
    kind, which = parse_source(name)
    if kind == "v4l2" and not re.fullmatch(r"[0-9]+|/[^/].*", which):
        raise ConfigError("v4l2 takes a number or an absolute path", hint="write v4l2:0, or v4l2:/dev/video0")
    if kind == "stream" and not has_host(which):
        scheme = which.partition(":")[0]
        raise ConfigError("a stream needs a host", hint=f"write {scheme}://HOST/...")
    return name
