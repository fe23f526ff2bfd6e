"""Opens a source by its name."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError, SourceError
from edge_cls.images.reading import SUFFIXES
from edge_cls.runtime.ports import Clock, FrameSource
from edge_cls.sources.demo import DemoSource
from edge_cls.sources.images import ImagesSource
from edge_cls.sources.names import OPTIONS, SCHEMES, STALL_S, check_source, parse_source
from edge_cls.sources.oriented import Oriented
from edge_cls.sources.picamera2 import Picamera2Source
from edge_cls.sources.region import WHOLE, Region
from edge_cls.sources.stream import StreamSource
from edge_cls.sources.v4l2 import V4l2Source
from edge_cls.sources.video import VideoSource

NAMES = ("picamera2", "v4l2:0", "demo")
"""Examples of the names of sources that are not files or URLs, for hints."""


def open_source(
    spec: str,
    *,
    clock: Clock,
    size: tuple[int, int] | None = None,
    lores: tuple[int, int] | None = None,
    fps: float | None = None,
    controls: Mapping[str, Any] | None = None,
    rotation: int = 0,
    mirror: bool = False,
    roi: Region | None = None,
    stall_s: float = STALL_S,
) -> FrameSource:
    """Return the source that `spec` names.

    Names are `picamera2`, `picamera2:1`, `picamera2:imx708` (a number, or a part of the model's name or id), `v4l2:0`,
    `/dev/video2`, `rtsp://...`, `http://...`, `demo`, an image, a folder or pattern of images, or a video. Only cameras
    have `size` (width, height) and `fps`, only picamera2 has `lores` and `controls`. Raises SourceError if the source
    does not exist, and ConfigError if no source can have that name or the source does not have a given option.
    """
    kind, which = parse_source(check_source(spec))
    if kind == "files" and not Path(spec).exists() and ("://" in spec or not glob.has_magic(spec)):
        raise SourceError(f"{showable(spec)} does not exist", hint=_suggestion(spec))
    asked = {"size": size, "fps": fps, "lores": lores, "controls": controls or None}
    options: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    for name in options:
        if name not in OPTIONS.get(kind, ()):
            raise ConfigError(f"{showable(spec)} has no option {name}", hint=f"leave {name} out")
    source: FrameSource
    if kind == "picamera2":
        source = Picamera2Source(which, clock=clock, stall_s=stall_s, **options)
    elif kind == "v4l2":
        source = V4l2Source(which, clock=clock, stall_s=stall_s, **options)
    elif kind == "stream":
        source = StreamSource(which, clock=clock, stall_s=stall_s)
    elif kind == "demo":
        source = DemoSource(clock=clock)
    else:
        source = _files(spec, clock)
    if rotation == 0 and not mirror and roi in (None, WHOLE):
        return source
    try:
        return Oriented(source, rotation=rotation, mirror=mirror, roi=roi)
    except ConfigError:
        source.close()
        raise


def is_live(spec: str) -> bool:
    """Return whether `spec` names a camera or the demo, and not a recording. The camera need not exist yet."""
    return parse_source(spec)[0] != "files"


def _files(spec: str, clock: Clock) -> FrameSource:
    path = Path(spec)
    if path.is_dir():
        return ImagesSource.below(path, clock=clock)
    if path.exists():
        return ImagesSource([path], clock=clock) if path.suffix.lower() in SUFFIXES else VideoSource(path, clock=clock)
    matches = sorted(Path(match) for match in glob.glob(spec, recursive=True))  # noqa: PTH207 - takes absolute ones
    if not matches:
        raise SourceError(f"no file matches {showable(spec)}", hint="check the pattern")
    return ImagesSource(matches, clock=clock)


def _suggestion(spec: str) -> str:
    """Return a hint for a name that is neither a source nor a file."""
    kind = spec.partition(":")[0]
    if "://" in spec:
        near = difflib.get_close_matches(kind.lower(), SCHEMES, n=1)
        return f"did you mean {near[0]}://...?" if near else f"use {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}"
    kinds = {name.partition(":")[0]: name for name in NAMES}
    near = difflib.get_close_matches(kind.lower(), kinds, n=1)
    if near:
        return f"did you mean '{kinds[near[0]]}'?"
    return "use a camera (picamera2, v4l2:0, rtsp://...), a video, an image, a folder, a pattern or 'demo'"
