"""The state file, which a reader never sees half written."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge_cls.errors import OutputError
from edge_cls.sinks.state_file import StateFile
from tests.sinks.messages import command_result, event, status


def test_it_holds_the_last_status_event_and_command_and_the_newest_state(tmp_path: Path) -> None:
    path = tmp_path / "made" / "state.json"
    sink = StateFile(path)
    sink.publish(event(1, "mug"))
    first = json.loads(path.read_text())
    assert (first["status"], first["state"], first["event"]["label"]) == (None, "mug", "mug")
    assert first["command"] is None
    sink.publish(command_result(1))
    sink.publish(status(2, "hot", state="mug"))
    sink.publish(event(3, None, previous="mug", kind="left"))
    assert json.loads(path.read_text()) == {
        "schema": 1,
        "status": "running",
        "detail": "picamera2 640x480",
        "state": None,
        "problems": ["hot"],
        "camera": "camera",
        "timestamp": 1_700_000_002.0,
        "event": {
            "event": "left",
            "label": None,
            "previous": "mug",
            "score": 0.9,
            "known": 0.8,
            "timestamp": 1_700_000_003.0,
            "frame": 3,
            "since_s": 0.5,
            "frames": 6,
            "camera": "camera",
            "source": "photo.jpg",
            "latency_ms": 10.0,
            "nearest": [],
        },
        "command": {
            "command": "teach",
            "result": "stored",
            "label": "mug",
            "origin": "button 5",
            "camera": "camera",
            "timestamp": 1_700_000_001.0,
            "detail": "mug: 3 taught",
            "advice": None,
        },
    }


def test_it_stays_when_the_application_ends_with_nothing_beside_it(tmp_path: Path) -> None:
    sink = StateFile(tmp_path / "state.json")
    sink.publish(status(1))
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    sink = StateFile(path)
    sink.publish(event(0, "0"))
    done, seen, odd = threading.Event(), set(), []

    def read() -> None:
        while not done.is_set():
            text = path.read_text()
            try:
                found = json.loads(text)
                assert found["state"] == found["event"]["label"]
                seen.add(found["event"]["frame"])
            except (ValueError, AssertionError) as error:
                odd.append((error, text))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 100):
            sink.publish(event(number, str(number) * (1 + number % 50)))
    finally:
        done.set()
        reader.join()
    assert not odd
    assert len(seen) > 1


def test_a_message_that_could_not_be_written_is_in_the_next_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.mkdir()
    sink = StateFile(path)
    with pytest.raises(OutputError, match=r"state.json cannot be written"):
        sink.publish(event(1, "mug"))
    path.rmdir()
    sink.publish(status(2, state="mug"))
    assert json.loads(path.read_text())["event"]["label"] == "mug"
