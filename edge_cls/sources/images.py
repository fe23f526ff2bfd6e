"""Photo files as a source of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import SUFFIXES, read_image
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.pixels import copied


class ImagesSource:
    """The photos at `paths`, in that order, each of them once. The `source` of a frame is its file.

    Raises SourceError where there is none.
    """

    live = False

    def __init__(self, paths: Sequence[Path], *, clock: Clock) -> None:
        self._paths = iter(list(paths))
        self._clock = clock
        self._index = 0
        self._closed = False
        if not paths:
            raise SourceError("there is no image to read", hint="name a file, or a folder or pattern of some")

    @classmethod
    def below(cls, folder: Path, *, clock: Clock) -> ImagesSource:
        """Return the photos in `folder` and the folders below, by name."""
        photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not photos:
            raise SourceError(f"{folder} holds no image", hint=f"name a folder of {', '.join(sorted(SUFFIXES))} files")
        return cls(photos, clock=clock)

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next photo. Raises ImageError for one that cannot be read."""
        if self._closed:
            raise SourceError("the photos are closed", hint="open them again")
        path = next(self._paths, None)
        if path is None:
            return None
        # A photo is captured when it has been asked for, so that reading it counts as latency.
        timestamp, captured = self._clock.time(), self._clock.monotonic()
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, str(path)), copied(read_image(path), into))
        self._index += 1
        return frame

    def close(self) -> None:
        """Read no more of them."""
        self._closed = True
