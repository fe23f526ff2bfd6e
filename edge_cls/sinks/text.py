"""Results as lines for a person."""

from __future__ import annotations

from typing import TextIO

from edge_cls.errors import one_line
from edge_cls.runtime.messages import Result


class TextLines:
    """Writes one line a result: frame, label, score, source."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def publish(self, result: Result) -> None:
        """Write one line, and flush it."""
        prediction = result.prediction
        label = None if prediction.label is None else one_line(prediction.label)
        nearest = "no class" if label is None else f"{label} {prediction.score:6.1%}"
        if prediction.value is not None:
            nearest = f"{prediction.value:.6g}"
        said = f"unknown (nearest: {nearest})" if prediction.unknown else nearest
        self._stream.write(f"{result.frame.index:6d}  {said}  {one_line(result.frame.source)}\n")
        self._stream.flush()
