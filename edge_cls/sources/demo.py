"""A virtual camera: it pans, zooms, turns, dims and blurs over photographs, whose origins NOTICE lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_cls.errors import SourceError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import read_image
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock
from edge_cls.sources.pixels import copied

WIDTH, HEIGHT = 320, 240
FRAMES_PER_SECOND = 30.0
SECONDS_PER_PHOTOGRAPH = 3.0

PHOTOGRAPHS = (
    "astronaut",
    "cat",
    "coffee",
    "rocket",
    "galaxies",
    "retina",
    "coins",
    "bricks",
    "photographer",
    "clock",
    "gravel",
    "grass",
)
"""The names of the photographs."""
_FOLDER = Path(__file__).with_name("photographs")


class VirtualCamera:
    """Views of the `photographs`, (240, 320, 3). The same seed gives the same views."""

    def __init__(self, photographs: Sequence[str] = PHOTOGRAPHS, *, seed: int = 0) -> None:
        self._photographs = {name: read_image(_FOLDER / f"{name}.webp") for name in photographs}
        self._seed = seed

    def view(self, name: str, moment: int) -> Frame:
        """Return the view of photograph `name` at `moment`, which depends on nothing but these and the seed."""
        photograph = self._photographs[name]
        rng = np.random.default_rng([self._seed, moment, *name.encode()])
        height, width = photograph.shape[:2]
        cover = min(width / WIDTH, height / HEIGHT)
        scale = cover * rng.uniform(0.65, 0.95)
        angle = np.deg2rad(rng.uniform(-12, 12))
        slack_x, slack_y = max(0.0, width - scale * WIDTH) / 2, max(0.0, height - scale * HEIGHT) / 2
        center = width / 2 + rng.uniform(-0.8, 0.8) * slack_x, height / 2 + rng.uniform(-0.8, 0.8) * slack_y
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        # Maps pixels of the view to pixels of the photograph.
        matrix = np.array(
            [
                [cosine, -sine, center[0] - cosine * WIDTH / 2 + sine * HEIGHT / 2],
                [sine, cosine, center[1] - sine * WIDTH / 2 - cosine * HEIGHT / 2],
            ]
        )
        smooth = cv2.GaussianBlur(photograph, (0, 0), max(0.3, 0.45 * scale))
        view = cv2.warpAffine(
            smooth,
            matrix,
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        if rng.random() < 0.3:
            view = cv2.GaussianBlur(view, (0, 0), float(rng.uniform(0.6, 1.6)))
        return np.asarray(np.clip(view * rng.uniform(0.6, 1.2), 0, 255), np.uint8)


class DemoSource:
    """The virtual camera as an endless live source: one photograph after the other, at 30 frames a second."""

    live = True

    def __init__(self, *, clock: Clock) -> None:
        self._camera = VirtualCamera()
        self._clock = clock
        self._started = clock.monotonic()
        self._index = 0
        self._closed = False

    def read(self, into: Frame | None = None) -> CapturedFrame:
        """Wait until the next view is due, and return it."""
        if self._closed:
            raise SourceError("the demo is closed", hint="open it again")
        due = self._started + self._index / FRAMES_PER_SECOND
        if (early := due - self._clock.monotonic()) > 0:
            self._clock.sleep(early)
        name = PHOTOGRAPHS[int(self._index / FRAMES_PER_SECOND / SECONDS_PER_PHOTOGRAPH) % len(PHOTOGRAPHS)]
        timestamp, captured = self._clock.time(), self._clock.monotonic()
        view = copied(self._camera.view(name, self._index), into)
        frame = CapturedFrame(FrameInfo(self._index, timestamp, captured, f"demo:{name}"), view)
        self._index += 1
        return frame

    def close(self) -> None:
        """Make all further reads fail."""
        self._closed = True
