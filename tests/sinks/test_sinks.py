"""What the sinks write."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pytest

from edge_cls.classifier import Prediction, Score
from edge_cls.runtime.ports import CapturedFrame, Result, Sink
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sinks.text import TextLines

KNOWN = Prediction((Score("mug", 0.9123456789), Score("cup", 0.08)), unknown=False)
UNKNOWN = Prediction((Score("Käse", 0.25),), unknown=True)
NOTHING = Prediction((), unknown=True)


def result(prediction: Prediction) -> Result:
    frame = CapturedFrame(3, 1_700_000_000.1234567, 10.0, np.zeros((8, 8, 3), np.uint8), "photo.jpg")
    return Result(frame, prediction, 0.0123456)


def written(make: Callable[[io.StringIO], Sink], *predictions: Prediction) -> str:
    stream = io.StringIO()
    sink = make(stream)
    for prediction in predictions:
        sink.publish(result(prediction))
    return stream.getvalue()


def test_a_json_line_has_exactly_the_promised_fields() -> None:
    assert json.loads(written(JsonLines, KNOWN)) == {
        "frame": 3,
        "timestamp": 1_700_000_000.123457,
        "label": "mug",
        "score": 0.912346,
        "unknown": False,
        "source": "photo.jpg",
        "latency_ms": 12.346,
    }


@pytest.mark.parametrize(
    ("prediction", "label", "score", "unknown"), [(UNKNOWN, "Käse", 0.25, True), (NOTHING, None, 0.0, True)]
)
def test_a_json_line_tells_of_the_unknown(
    prediction: Prediction, label: str | None, score: float, unknown: bool
) -> None:
    line = json.loads(written(JsonLines, prediction))
    assert (line["label"], line["score"], line["unknown"]) == (label, score, unknown)


@pytest.mark.parametrize("make", [JsonLines, TextLines])
def test_every_result_is_one_line(make: Callable[[io.StringIO], Sink]) -> None:
    text = written(make, KNOWN, UNKNOWN, NOTHING)
    assert len(text.splitlines()) == 3
    assert text.endswith("\n")
    assert "Käse" in text


@pytest.mark.parametrize(
    ("prediction", "line"),
    [
        (KNOWN, "     3  mug  91.2%  photo.jpg\n"),
        (UNKNOWN, "     3  unknown (nearest: Käse  25.0%)  photo.jpg\n"),
        (NOTHING, "     3  unknown (nearest: no class)  photo.jpg\n"),
    ],
)
def test_a_line_for_a_person(prediction: Prediction, line: str) -> None:
    assert written(TextLines, prediction) == line


@pytest.mark.parametrize("make", [JsonLines, TextLines])
def test_a_line_reaches_the_reader_at_once(make: Callable[[io.TextIOWrapper], Sink]) -> None:
    raw = io.BytesIO()
    sink = make(io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8"))
    sink.publish(result(KNOWN))
    assert raw.getvalue().endswith(b"\n")
