"""A fake of cv2.VideoCapture for a USB camera, as far as V4l2Source relies on the real one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_cls.images.preprocess import Frame
from edge_cls.runtime.ports import Clock


class FakeVideoCapture:
    """Gives red frames, in B, G, R, of at most 640 x 480. `fake_camera` sets failures on the class."""

    clock: Clock
    opens = True
    stalls = False
    problem: str | None = None
    gives = 1_000_000
    stamped = True
    requested: Sequence[object] = ()
    options: dict[int, float]

    def __init__(self, *requested: object) -> None:
        type(self).requested = requested
        self._open = self.opens
        self._pending = False
        self._stamp = 0.0
        type(self).options = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480, cv2.CAP_PROP_FPS: 30}

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._open

    def set(self, option: int, value: float) -> bool:
        largest = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480}.get(option, value)
        self.options[option] = min(value, largest)
        return True

    def get(self, option: int) -> float:
        return self._stamp * 1000 if option == cv2.CAP_PROP_POS_MSEC else self.options[option]

    @classmethod
    def waitAny(  # noqa: N802 - OpenCV's name
        cls, streams: Sequence[FakeVideoCapture], timeout: int
    ) -> tuple[bool, Sequence[int]]:
        assert timeout > 0, "0 waits for ever"
        (stream,) = streams
        if cls.problem:
            raise cv2.error(cls.problem)
        if cls.stalls:
            cls.clock.sleep(timeout / 1e9)
            return False, ()
        stream._stamp = cls.clock.monotonic() - 0.02 if cls.stamped else 1.0
        return True, np.array([[0]] if stream.gives else [])  # type: ignore[return-value] # as the binding does

    def retrieve(self, image: Frame | None) -> tuple[bool, Frame | None]:
        type(self).gives -= 1
        shape = int(self.options[cv2.CAP_PROP_FRAME_HEIGHT]), int(self.options[cv2.CAP_PROP_FRAME_WIDTH]), 3
        frame = image if image is not None and image.shape == shape else np.empty(shape, np.uint8)
        frame[:] = (40, 40, 200)
        return True, frame

    def release(self) -> None:
        self._open = False
