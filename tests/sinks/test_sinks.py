"""The output of the sinks for text and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from edge_cls.classifier import Prediction, Score
from edge_cls.core.neighbour import Neighbour
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, FrameInfo, Message, Result, Status
from edge_cls.runtime.ports import Sink
from edge_cls.runtime.states import Transition
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sinks.text import TextLines

NEAREST = (Neighbour("1f0c", "mug", 0.9312345), Neighbour("77aa", "cup", 0.5))
KNOWN = Prediction((Score("mug", 0.9123456789), Score("cup", 0.08)), known=0.987654321, nearest=NEAREST)
EMPTY = Prediction((Score("background", 0.97), Score("mug", 0.03)), known=1.0)
UNKNOWN = Prediction((Score("Käse", 0.25),), known=0.0)
UNSURE = Prediction((Score("mug", 0.52), Score("cup", 0.41), Score("jug", 0.07)), known=0.7)
NOTHING = Prediction((), known=0.0)
FRAME = FrameInfo(3, 1_700_000_000.1234567, 10.0, "photo.jpg")
ENTERED = Event(FRAME, Transition("entered", "mug", None, 0.9123456789, 0.8, 10.0, 9.4996, 6), 0.0123456, NEAREST)
LEFT = Event(FRAME, Transition("left", None, "mug", 0.35, 0.6, 10.0, 10.0, 1), 0.01)
CHANGED = Event(FRAME, Transition("changed", "cup", "mug", 0.61, 0.7, 10.0, 9.0, 11), 0.01)
STORED = CommandResult("teach", "stored", "mug", "mug: 3 taught", "button 5", 1_700_000_001.1234567, advice="more")
REFUSED = CommandResult("undo", "refused", None, "nothing to undo\x1b[2J", "key \x07", 1_700_000_001.0)
ACCEPTED = CommandAccepted("teach", "mug", "button 5", 1_700_000_001.0)
DOWN = Status(1_700_000_001.1234567, "down", "no frame for 10 s", "mug", ("80 °C: slower",))


def result(prediction: Prediction, source: str = "photo.jpg") -> Result:
    return Result(FrameInfo(3, 1_700_000_000.1234567, 10.0, source), prediction, 0.0123456, "mug")


def raw_json(stream: io.StringIO) -> JsonLines:
    return JsonLines(stream, wants=get_args(Message))


def written(make: Callable[[io.StringIO], Sink], *messages: Message) -> str:
    stream = io.StringIO()
    sink = make(stream)
    for message in messages:
        sink.publish(message)
    return stream.getvalue()


def test_a_result_in_json_has_exactly_the_promised_fields() -> None:
    assert json.loads(written(raw_json, result(KNOWN))) == {
        "schema": 1,
        "frame": 3,
        "timestamp": 1_700_000_000.123457,
        "label": "mug",
        "score": 0.912346,
        "known": 0.987654,
        "unknown": False,
        "unsure": False,
        "state": "mug",
        "camera": "camera",
        "source": "photo.jpg",
        "latency_ms": 12.346,
        "nearest": [
            {"id": "1f0c", "label": "mug", "similarity": 0.9312},
            {"id": "77aa", "label": "cup", "similarity": 0.5},
        ],
    }


def test_an_event_in_json_has_exactly_the_promised_fields() -> None:
    assert json.loads(written(raw_json, ENTERED)) == {
        "schema": 1,
        "event": "entered",
        "label": "mug",
        "previous": None,
        "score": 0.912346,
        "known": 0.8,
        "timestamp": 1_700_000_000.123457,
        "frame": 3,
        "since_s": 0.5,
        "frames": 6,
        "camera": "camera",
        "source": "photo.jpg",
        "latency_ms": 12.346,
        "nearest": [
            {"id": "1f0c", "label": "mug", "similarity": 0.9312},
            {"id": "77aa", "label": "cup", "similarity": 0.5},
        ],
    }


def test_a_status_in_json_has_exactly_the_promised_fields() -> None:
    assert json.loads(written(raw_json, DOWN)) == {
        "schema": 1,
        "status": "down",
        "detail": "no frame for 10 s",
        "state": "mug",
        "problems": ["80 °C: slower"],
        "camera": "camera",
        "timestamp": 1_700_000_001.123457,
    }


def test_a_command_in_json_has_exactly_the_promised_fields() -> None:
    accepted = {
        "schema": 1,
        "command": "teach",
        "result": "accepted",
        "label": "mug",
        "origin": "button 5",
        "camera": "camera",
        "timestamp": 1_700_000_001.0,
    }
    assert json.loads(written(raw_json, ACCEPTED)) == accepted
    assert json.loads(written(raw_json, STORED)) == {
        **accepted, "result": "stored", "timestamp": 1_700_000_001.123457, "detail": "mug: 3 taught",
        "advice": "more",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("prediction", "label", "score", "unknown"), [(UNKNOWN, "Käse", 0.25, True), (NOTHING, None, 0.0, True)]
)
def test_a_json_line_says_if_a_frame_is_unknown(
    prediction: Prediction, label: str | None, score: float, unknown: bool
) -> None:
    line = json.loads(written(raw_json, result(prediction)))
    assert (line["label"], line["score"], line["unknown"]) == (label, score, unknown)


def test_a_json_line_says_if_a_frame_is_unsure() -> None:
    line = json.loads(written(raw_json, result(UNSURE)))
    assert (line["label"], line["known"], line["unknown"], line["unsure"]) == ("mug", 0.7, False, True)


def test_the_name_of_a_file_that_is_no_utf_8_is_escaped_in_json() -> None:
    text = written(raw_json, result(KNOWN, "caf\udce9.jpg"))
    assert text.encode()
    assert json.loads(text)["source"] == "caf\udce9.jpg"


def test_json_lines_hold_changes_unless_other_kinds_are_wanted() -> None:
    assert JsonLines(io.StringIO()).wants == (Event, CommandResult, Status)
    assert JsonLines(io.StringIO(), wants=(Result,)).wants == (Result,)


def test_a_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    sink = JsonLines(Path("-"))
    sink.publish(LEFT)
    sink.close()
    print("still open")  # noqa: T201 - that is the claim
    line, after = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "left"
    assert after == "still open"


@pytest.mark.parametrize("make", [raw_json, TextLines])
def test_every_message_is_one_line(make: Callable[[io.StringIO], Sink]) -> None:
    text = written(
        make, result(KNOWN), result(UNKNOWN), result(NOTHING), ENTERED, LEFT, CHANGED, STORED, REFUSED, ACCEPTED, DOWN
    )
    assert len(text.splitlines()) == 10
    assert text.endswith("\n")
    assert "Käse" in text


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (result(KNOWN), "     3  mug  91.2%  photo.jpg\n"),
        (result(UNKNOWN), "     3  unknown (nearest: Käse  25.0%)  photo.jpg\n"),
        (result(EMPTY), "     3  nothing (background)  97.0%  photo.jpg\n"),
        (result(NOTHING), "     3  unknown (nearest: no class)  photo.jpg\n"),
        (result(UNSURE), "     3  unsure: mug 52.0%, cup 41.0%  photo.jpg\n"),
        (ENTERED, "     3  entered mug (91.2%, 6 frames in 0.5 s)\n"),
        (LEFT, "     3  left mug (35.0%, 1 frame in 0.0 s)\n"),
        (CHANGED, "     3  changed mug to cup (61.0%, 11 frames in 1.0 s)\n"),
        (STORED, "mug: 3 taught (button 5)\n"),
        (REFUSED, "refused: nothing to undo\\x1b[2J (key \\x07)\n"),
        (ACCEPTED, "teach: accepted (button 5)\n"),
        (DOWN, "camera: no frame for 10 s; 80 °C: slower\n"),
    ],
)
def test_a_line_for_a_person(message: Message, line: str) -> None:
    assert written(TextLines, message) == line


@pytest.mark.parametrize("make", [raw_json, TextLines])
def test_a_line_reaches_the_reader_at_once(make: Callable[[io.TextIOWrapper], Sink]) -> None:
    raw = io.BytesIO()
    sink = make(io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8"))
    sink.publish(result(KNOWN))
    assert raw.getvalue().endswith(b"\n")
