"""The material of measurements: frames in memory, and a memory of examples."""

from __future__ import annotations

import time
import uuid

import cv2
import numpy as np

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import ConfigError
from edge_cls.images.preprocess import Frame
from edge_cls.memory.records import Example
from edge_cls.memory.store import Memory
from edge_cls.model.model import Model
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Clock, FrameSource

WIDTH, HEIGHT = 640, 480
CLASSES = 10
_TRAVEL = 160
_LOOKS = 10
MAX_BYTES = 128 * 2**20
"""Bytes of frames that are kept of a source."""


def moving_frames(count: int, kind: int = 0) -> list[Frame]:
    """Return `count` frames, (480, 640, 3), of a scene that moves sideways. Each `kind` is another scene."""
    colors = np.random.default_rng(kind).integers(0, 256, (6, 10, 3), np.uint8)
    scene = np.asarray(cv2.resize(colors, (WIDTH + _TRAVEL, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
    return [scene[:, left : left + WIDTH].copy() for left in np.linspace(0, _TRAVEL, count).astype(int).tolist()]


def decoded_frames(source: FrameSource, *, max_bytes: int = MAX_BYTES) -> list[Frame]:
    """Return copies of the first frames of `source`, until they have `max_bytes` or it ends, and close it."""
    frames: list[Frame] = []
    taken = 0
    try:
        while taken < max_bytes and (frame := source.read()) is not None:
            frames.append(frame.image.copy())
            taken += frame.image.nbytes
    finally:
        source.close()
    return frames


def fill(memory: Memory, model: Model, count: int) -> None:
    """Store `count` examples of CLASSES classes: embeddings of synthetic frames, each with other noise.

    Raises ConfigError if the model has no embedding.
    """
    if not model.teachable:
        raise ConfigError(
            f"{model.file.path} has no embedding and cannot be taught examples",
            hint="create one with 'edge-cls import-model --embedding auto', or leave out --examples",
        )
    looks = [_embedding(model, frame) for kind in range(CLASSES) for frame in moving_frames(_LOOKS, kind)]
    rng = np.random.default_rng(0)

    def example(number: int) -> Example:
        kind = number % CLASSES
        seen = looks[kind * _LOOKS + number // CLASSES % _LOOKS]
        values = seen.values + rng.integers(-4, 5, len(seen.values))
        vector = QuantizedVector(np.clip(values, -128, 127).astype(np.int8), seen.scale, seen.zero_point)
        identity = str(uuid.UUID(int=number, version=4))
        return Example(identity, f"thing {kind}", time.time(), "bench", None, number, "bench", b"", model.space, vector)

    memory.merge(map(example, range(count)), space=model.space)


def _embedding(model: Model, frame: Frame) -> QuantizedVector:
    embedding = model.infer(frame).embedding
    if embedding is None:
        raise AssertionError("a teachable model has an embedding")
    return embedding


class Replay:
    """Repeats `frames`, one every `period` seconds, and copies each one as a camera's driver does.

    It is not live, so that the pipeline takes every frame, as fast as it can.
    """

    live = False

    def __init__(self, frames: list[Frame], *, clock: Clock, period: float = 0.0) -> None:
        self._frames = frames
        self._clock = clock
        self._period = period
        self._due = clock.monotonic()
        self._index = 0

    def read(self, into: Frame | None = None) -> CapturedFrame:
        """Wait until the next frame is due, and return it."""
        if self._period:
            self._clock.sleep(max(0.0, self._due - self._clock.monotonic()))
            self._due = max(self._due, self._clock.monotonic() - self._period) + self._period
        info = FrameInfo(self._index, self._clock.time(), self._clock.monotonic(), "bench")
        image = self._frames[self._index % len(self._frames)]
        self._index += 1
        if into is None or into.shape != image.shape:
            return CapturedFrame(info, image.copy())
        np.copyto(into, image)
        return CapturedFrame(info, into)

    def close(self) -> None:
        """Do nothing."""
