"""Results as JSON, one object a line."""

from __future__ import annotations

import json
from typing import TextIO

from edge_cls.runtime.messages import Result


class JsonLines:
    """Writes `{"frame", "timestamp", "label", "score", "unknown", "source", "latency_ms"}`, a line a result.

    And `"value"`, for a regression.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def publish(self, result: Result) -> None:
        """Write one line, and flush it, so that who reads a pipe sees it at once."""
        line: dict[str, object] = {
            "frame": result.frame.index,
            "timestamp": round(result.frame.timestamp, 6),
            "label": result.prediction.label,
            "score": round(result.prediction.score, 6),
            "unknown": result.prediction.unknown,
            "source": result.frame.source,
            "latency_ms": round(result.latency * 1000, 3),
        }
        if result.prediction.value is not None:
            line["value"] = round(result.prediction.value, 6)
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()
