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
    """The photos at `paths`, in that order, each one once. The `source` of a frame is its file.

    Raises SourceError if `paths` is empty.
    """

    live = False

    def __init__(self, paths: Sequence[Path], *, clock: Clock) -> None:
        self._paths = iter(list(paths))
        self._clock = clock
        self._index = 0
        self._closed = False
        if not paths:
            raise SourceError("there is no image to read", hint="name an image, a folder or a pattern")

    @classmethod
    def below(cls, folder: Path, *, clock: Clock) -> ImagesSource:
        """Return the photos in `folder` and the folders below it, sorted by path. Raises SourceError if it has none."""
        photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not photos:
            raise SourceError(
                f"{folder} contains no image", hint=f"name a folder of {', '.join(sorted(SUFFIXES))} files"
            )
        return cls(photos, clock=clock)

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        """Return the next photo. Raises ImageError if it cannot be read."""
        if self._closed:
            raise SourceError("the photos are closed", hint="open them again")
        path = next(self._paths, None)
        if path is None:
            return None
        # The capture time is before the file is read, so that reading counts as latency.
        timestamp, captured = self._clock.time(), self._clock.monotonic()
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, str(path)), copied(read_image(path), into))
        self._index += 1
        return frame

    def close(self) -> None:
        """Make all further reads fail."""
        self._closed = True
