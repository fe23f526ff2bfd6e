"""How long each stage of the pipeline takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STAGES = ("capture", "preprocess", "invoke", "head", "smooth", "publish", "latency")
"""In the order in which a frame goes through them; `latency` is from the capture to the result."""
KEPT = 4096


class Stages:
    """The durations of the last KEPT frames, of each stage of STAGES. Each stage is written to by one thread."""

    def __init__(self) -> None:
        self._seconds = {name: np.zeros(KEPT, np.float32) for name in STAGES}
        self._counts = dict.fromkeys(STAGES, 0)

    def add(self, name: str, seconds: float) -> None:
        """Remember that a frame spent `seconds` in stage `name`."""
        count = self._counts[name]
        self._seconds[name][count % KEPT] = seconds
        self._counts[name] = count + 1

    def percentiles(self, name: str, ranks: tuple[float, ...] = (50, 95, 99)) -> NDArray[np.float64]:
        """Return the percentiles of stage `name` in seconds, float64, one a rank; NaN where no frame came through."""
        seconds = self._seconds[name][: self._counts[name]]
        return np.percentile(seconds, ranks) if len(seconds) else np.full(len(ranks), np.nan)
