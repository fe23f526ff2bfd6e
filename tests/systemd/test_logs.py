"""The log on stderr: with levels for the journal, as plain lines for a terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.systemd import logs
from tests.commands import COMMAND

log = logging.getLogger("edge_cls.test")


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("edge_cls")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    # Removed, so that setting up the log does not close them.
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


class Journal:
    """A stderr that JOURNAL_STREAM names. A test enters it itself, because pytest replaces stderr before."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = path
        self._monkeypatch = monkeypatch

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._path.open("w") as stderr, self._monkeypatch.context() as patched:
            patched.setattr("sys.stderr", stderr)
            status = os.fstat(stderr.fileno())
            logs.set_up({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
            yield

    @property
    def text(self) -> str:
        return self._path.read_text()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    return Journal(tmp_path / "stderr", monkeypatch)


@pytest.mark.parametrize(
    ("level", "priority"), [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)]
)
def test_levels_are_those_of_syslog(journal: Journal, level: str, priority: int) -> None:
    with journal():
        log.setLevel(level)
        log.log(logging.getLevelName(level), "no frame for %d s", 10)
        log.setLevel(logging.NOTSET)
    assert journal.text == f"<{priority}>no frame for 10 s\n"


def test_a_message_cannot_forge_a_level(journal: Journal) -> None:
    with journal():
        log.info("mug\n<0>\x1b[31m\udcff")
    assert journal.text == "<6>mug <0>\\x1b[31m\\udcff\n"


def test_each_line_of_a_traceback_has_the_level(journal: Journal) -> None:
    with journal():
        try:
            raise ValueError("that was\n<0>nothing")
        except ValueError:
            log.exception("failed")
    lines = journal.text.splitlines()
    assert lines[0] == "<3>failed"
    assert lines[-2:] == ["<3>ValueError: that was", "<3><0>nothing"]
    assert all(line.startswith("<3>") for line in lines)


def test_debug_messages_and_information_of_libraries_are_not_logged(journal: Journal) -> None:
    with journal():
        log.debug("details")
        logging.getLogger("picamera2").info("not ours")
        logging.getLogger("picamera2").warning("theirs")
    assert journal.text == "<4>theirs\n"


def test_a_broken_stderr_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.set_up({})
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering=1) as broken:  # noqa: PTH123 - a pipe has no path
        monkeypatch.setattr("sys.stderr", broken)
        log.error("no camera")
        with contextlib.suppress(BrokenPipeError):
            broken.close()


@pytest.mark.parametrize("name", ["", "1:2"])
def test_in_a_terminal_lines_are_plain(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up({"JOURNAL_STREAM": name} if name else {})
    log.debug("details")
    log.info("nothing wrong")
    log.warning("camera \x1b[31m gone")
    logging.getLogger("picamera2").info("not ours")
    logging.getLogger("picamera2").warning("theirs")
    assert capsys.readouterr() == ("", "warning: camera \\x1b[31m gone\nwarning: theirs\n")


def test_the_variable_adds_debug_messages(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up({"EDGE_CLS_DEBUG": "1"})
    log.debug("details")
    assert capsys.readouterr().err == "debug: details\n"


def test_an_error_that_ends_a_command_has_the_level_error_in_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("a") as stderr:
        status = os.fstat(stderr.fileno())
        name = f"{status.st_dev}:{status.st_ino}"
        words = [COMMAND, "memory", "list", "--memory", "/does/not/exist"]
        subprocess.run(words, stderr=stderr, env=os.environ | {"JOURNAL_STREAM": name}, check=False)
    assert (tmp_path / "stderr").read_text().startswith("<3>error: ")
