"""JSON lines in a file that is rotated, has an incomplete line, or is on a disk that fills up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_cls.errors import OutputError
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.sinks.json_lines import JsonLines
from tests.sinks.messages import event

PATIENCE = 30.0
"""Seconds after which waiting for an event fails the test. If the code is right, no test waits that long."""


def frames(path: Path) -> list[int]:
    return [json.loads(line)["frame"] for line in path.read_text().splitlines()]


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(3):
        sink = JsonLines(path)
        sink.publish(event(number))
        sink.close()
    assert frames(path) == [0, 1, 2]


@pytest.mark.parametrize("remove", [Path.unlink, lambda path: path.rename(path.with_suffix(".1"))])
def test_a_rotated_file_is_followed(tmp_path: Path, remove: Callable[[Path], object]) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    sink.publish(event(0))
    remove(path)
    sink.publish(event(1))
    assert frames(path) == [1]
    remove(path)
    path.write_text("")  # logrotate's "create"
    sink.publish(event(2))
    sink.publish(event(3))
    sink.close()
    assert frames(path) == [2, 3]


def test_a_truncated_file_goes_on_from_its_beginning(tmp_path: Path) -> None:
    """As after logrotate's "copytruncate": the file has no hole of zeros."""
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    sink.publish(event(0))
    os.truncate(path, 0)
    sink.publish(event(1))
    sink.close()
    assert frames(path) == [1]


def test_half_a_line_of_a_killed_process_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "entered", "fra')
    sink = JsonLines(path)
    sink.publish(event(1))
    sink.close()
    torn, whole = path.read_text().splitlines()
    assert torn == '{"event": "entered", "fra'
    assert json.loads(whole)["frame"] == 1


def test_no_file_is_created_before_the_first_message(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "events.jsonl")
    sink.close()
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"events.jsonl cannot be written \(No such file.*create its folder"):
        JsonLines(tmp_path / "nowhere" / "events.jsonl").publish(event(0))


def test_files_stay_few_however_often_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a name each is enough
    for number in range(50):
        sink.publish(event(number))
        path.unlink()
        path.mkdir()
        with pytest.raises(OutputError):
            sink.publish(event(number))
        path.rmdir()
    sink.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise


def test_a_full_disk_costs_the_lines_it_has_no_room_for_and_no_other(small_disk: Callable[[str], Path]) -> None:
    path = small_disk("64k") / "events.jsonl"
    sink_queue = SinkQueue(JsonLines(path), size=1, name="card")
    sent = 0
    while sink_queue.failures < 10:
        sink_queue.offer(event(sent), wait=True)
        sent += 1
    assert sink_queue.problem is not None
    assert "No space left on device" in sink_queue.problem
    small_disk("1m")
    # The queued message and the one being written may have failed, but none of these.
    for number in range(sent, sent + 100):
        sink_queue.offer(event(number), wait=True)
    sink_queue.close(PATIENCE)
    whole = []
    for line in path.read_text().splitlines():
        try:
            whole.append(json.loads(line)["frame"])
        except json.JSONDecodeError:
            assert '{"schema": 1, "event"'.startswith(line[:20])  # the beginning of the first line that did not fit
    assert len(whole) == sent + 100 - sink_queue.failures
    assert whole == sorted(whole)
    assert whole[-100:] == list(range(sent, sent + 100))


def test_a_read_only_disk_is_reported(small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("64k")
    sink = JsonLines(folder / "events.jsonl")
    small_disk("64k,ro")
    with pytest.raises(OutputError, match="Read-only file system"):
        sink.publish(event(0))
    small_disk("64k,rw")
    sink.publish(event(1))
    sink.close()
    assert frames(folder / "events.jsonl") == [1]
