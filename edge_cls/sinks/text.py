"""Results as lines for a person."""

from __future__ import annotations

from typing import TextIO

from edge_cls.runtime.ports import Result


class TextLines:
    """Writes one line a result: frame, label, score, source."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def publish(self, result: Result) -> None:
        """Write one line, and flush it."""
        prediction = result.prediction
        nearest = f"{prediction.label} {prediction.score:6.1%}" if prediction.label is not None else "no class"
        said = f"unknown (nearest: {nearest})" if prediction.unknown else nearest
        self._stream.write(f"{result.frame.index:6d}  {said}  {result.frame.source}\n")
        self._stream.flush()
