"""What reaches the journal, read from a socket like its own, and what a terminal shows."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.systemd import logs
from tests.commands import COMMAND

Fields = dict[str, str]
log = logging.getLogger("edge_cls.test")


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("edge_cls")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    # Taken away, so that they are not closed when the log is set up.
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


class Journal:
    """The socket of a journal, and what it was sent."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def entry(self) -> Fields:
        """The fields of the next entry, by the journal's own rules."""
        data = self._socket.recv(2**20)
        fields = {}
        while data:
            name, _, data = data.partition(b"\n")
            size = int.from_bytes(data[:8], "little")
            fields[name.decode()], end, data = data[8:][:size].decode(), data[8 + size : 9 + size], data[9 + size :]
            assert end == b"\n"
        return fields

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A journal that this process' stderr goes to, as systemd tells it."""
    monkeypatch.setattr(logs, "JOURNAL", str(tmp_path / "journal"))
    with (tmp_path / "stderr").open("w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        status = os.fstat(stderr.fileno())
        journal = Journal(tmp_path / "journal")
        logs.set_up({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        yield journal
        journal.close()


def test_an_entry_has_level_fields_and_place(journal: Journal) -> None:
    log.warning("no frame for %d s", 10, extra={"EDGE_CLS_CAMERA": "picamera2", "secret": "not a field"})
    entry = journal.entry()
    assert entry.pop("CODE_LINE").isdecimal()
    assert entry == {
        "MESSAGE": "no frame for 10 s",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "edge-cls",
        "LOGGER": "edge_cls.test",
        "THREAD": "MainThread",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_an_entry_has_level_fields_and_place",
        "EDGE_CLS_CAMERA": "picamera2",
    }


@pytest.mark.parametrize(
    ("level", "priority"), [("CRITICAL", "2"), ("ERROR", "3"), ("WARNING", "4"), ("INFO", "6"), ("DEBUG", "7")]
)
def test_levels_are_those_of_syslog(journal: Journal, level: str, priority: str) -> None:
    log.setLevel(level)
    log.log(logging.getLevelName(level), "that")
    log.setLevel(logging.NOTSET)
    assert journal.entry()["PRIORITY"] == priority


def test_no_text_can_forge_a_field(journal: Journal) -> None:
    log.info("mug\nPRIORITY=0\n", extra={"EDGE_CLS_LABEL": "a\nMESSAGE=b", "EDGE_CLS_FILE": "\udcff"})
    entry = journal.entry()
    assert (entry["MESSAGE"], entry["PRIORITY"]) == ("mug\nPRIORITY=0\n", "6")
    assert (entry["EDGE_CLS_LABEL"], entry["EDGE_CLS_FILE"]) == ("a\nMESSAGE=b", "\\udcff")


def test_an_exception_comes_with_its_trace(journal: Journal) -> None:
    try:
        raise ValueError("that was nothing")
    except ValueError:
        log.exception("failed")
    assert journal.entry()["MESSAGE"].splitlines()[::4] == ["failed", "ValueError: that was nothing"]


def test_a_message_too_long_for_a_datagram_is_cut(journal: Journal) -> None:
    log.info("%s", "x" * 2**20)
    assert len(journal.entry()["MESSAGE"]) == 2**15


def test_without_the_journal_the_line_is_on_stderr_with_its_priority(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.close()
    (tmp_path / "journal").unlink()
    log.error("no\ncamera")
    assert capsys.readouterr().err == "<3>no camera\n"


def test_a_line_that_makes_no_sense_hurts_only_itself(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    # pytest's own handler lets the test fail for such a line.
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logs.JournalHandler)]
    for count in ("ten", 10):
        handlers[0].handle(log.makeRecord("camera", logging.ERROR, __file__, 1, "%d frames", (count,), None))
    assert journal.entry()["MESSAGE"] == "10 frames"
    assert "Message: '%d frames'" in capsys.readouterr().err


@pytest.mark.usefixtures("journal")
def test_without_journal_and_stderr_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "journal").unlink()
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering=1) as broken:  # noqa: PTH123 - a pipe has no path
        monkeypatch.setattr("sys.stderr", broken)
        log.error("no camera")
        with contextlib.suppress(BrokenPipeError):
            broken.close()


@pytest.mark.parametrize("name", ["", "1:2"])
def test_in_a_terminal_there_are_plain_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up({"JOURNAL_STREAM": name} if name else {})
    log.debug("not asked for")
    log.info("not amiss")
    log.warning("camera \x1b[31m gone", extra={"EDGE_CLS_CAMERA": "demo"})
    logging.getLogger("picamera2").info("not ours")
    logging.getLogger("picamera2").warning("theirs")
    assert capsys.readouterr() == ("", "warning: camera \\x1b[31m gone\nwarning: theirs\n")


def test_the_variable_brings_details(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up({"EDGE_CLS_DEBUG": "1"})
    log.debug("details")
    assert capsys.readouterr().err == "debug: details\n"


def test_an_error_that_ends_a_command_is_one_in_the_journal_too(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("a") as stderr:
        status = os.fstat(stderr.fileno())
        name = f"{status.st_dev}:{status.st_ino}"
        words = [COMMAND, "memory", "list", "--memory", "/does/not/exist"]
        subprocess.run(words, stderr=stderr, env=os.environ | {"JOURNAL_STREAM": name}, check=False)
    assert (tmp_path / "stderr").read_text().startswith("<3>error: ")
