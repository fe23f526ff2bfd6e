"""The durations of the stages of the pipeline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STAGES = ("capture", "preprocess", "invoke", "head", "smooth", "publish", "latency")
"""The stages in the order in which a frame passes them; `latency` is the time from capture to result."""
KEPT = 4096
"""Frames whose durations are kept: the last ones."""


class Stages:
    """The durations of the last KEPT frames, for each stage of STAGES. Each stage is written by one thread."""

    def __init__(self) -> None:
        self._seconds = {name: np.zeros(KEPT, np.float32) for name in STAGES}
        self._counts = dict.fromkeys(STAGES, 0)

    def add(self, name: str, seconds: float) -> None:
        """Record that a frame spent `seconds` in stage `name`."""
        count = self._counts[name]
        self._seconds[name][count % KEPT] = seconds
        self._counts[name] = count + 1

    def percentiles(self, name: str, ranks: tuple[float, ...] = (50, 95, 99)) -> NDArray[np.float64]:
        """Return the percentiles of stage `name` in seconds, float64 (len(ranks),); NaN if there was no frame."""
        seconds = self._seconds[name][: self._counts[name]]
        return np.percentile(seconds, ranks) if len(seconds) else np.full(len(ranks), np.nan)
