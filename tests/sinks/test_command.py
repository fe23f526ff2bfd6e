"""A program for each event: its arguments, its environment, and that it cannot delay anything for long."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_cls.errors import OutputError
from edge_cls.runtime.messages import Event
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.sinks.command import CommandHook
from edge_cls.testing import FakeClock
from tests.sinks.messages import event

PATIENCE = 30.0
"""Seconds after which waiting for an event fails the test. If the code is right, no test waits that long."""

Script = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes a program of a few lines of sh, in which $HERE is the test's folder."""

    def make(lines: str) -> str:
        path = tmp_path / "hook.sh"
        path.write_text(f'#!/bin/sh\nHERE="{tmp_path}"\n{lines}\n')
        path.chmod(0o755)
        return str(path)

    return make


LABELS = ["mug", "two words", "$(touch pwned); `id` && *", "quo\"te's", "Käse 日本", "{kind}", "a\nb", "", "{0}%s"]


@pytest.mark.parametrize("label", LABELS)
def test_a_label_arrives_as_it_is_whatever_it_holds(script: Script, tmp_path: Path, label: str) -> None:
    hook = CommandHook(
        [script('printf "%s\\0" "$@" "$EDGE_CLS_EVENT_LABEL" > $HERE/got'), "{kind}", "on:{label}!", "{label}"],
        PATIENCE,
    )
    hook.publish(event(3, label))
    got = (tmp_path / "got").read_bytes().decode().split("\0")[:-1]
    assert got == ["entered", f"on:{label}!", label, label]
    assert not (tmp_path / "pwned").exists()


def test_placeholders_and_environment_hold_the_event_and_other_braces_stay(script: Script, tmp_path: Path) -> None:
    names = ["KIND", "LABEL", "PREVIOUS", "SCORE", "KNOWN", "TIMESTAMP"]
    variables = " ".join(f'"$EDGE_CLS_EVENT_{name}"' for name in names)
    hook = CommandHook(
        [
            script(f'printf "%s|" "$@" {variables} > $HERE/got'),
            "{kind},{label},{previous},{score},{known},{timestamp}",
            "{other} {} {{label}} {Label}",
        ],
        PATIENCE,
    )
    hook.publish(event(3, None, previous="mug", kind="left"))
    assert (tmp_path / "got").read_text().split("|")[:-1] == [
        "left,,mug,0.900000,0.800000,1700000003.000000",
        "{other} {} {} {Label}",
        "left",
        "",
        "mug",
        "0.900000",
        "0.800000",
        "1700000003.000000",
    ]


def test_the_program_itself_is_never_named_by_a_label(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\{label\} cannot be started"):
        CommandHook([str(tmp_path / "{label}")], PATIENCE).publish(event(0, "hook.sh"))


def test_a_label_never_becomes_an_option(script: Script, tmp_path: Path) -> None:
    program = script('printf "%s\\n" "$@" "$EDGE_CLS_EVENT_LABEL" > $HERE/got')
    with pytest.raises(OutputError, match=r"'-rf' for an option.*EDGE_CLS_EVENT_LABEL"):
        CommandHook([program, "{label}"], PATIENCE).publish(event(0, "-rf"))
    assert not (tmp_path / "got").exists()
    for arguments in (["--", "{label}"], ["--label={label}"], ["-v"]):
        CommandHook([program, *arguments], PATIENCE).publish(event(0, "-rf"))
        assert (tmp_path / "got").read_text().splitlines()[-1] == "-rf"


def test_characters_that_no_argument_can_contain_are_replaced(script: Script, tmp_path: Path) -> None:
    CommandHook([script('printf "%s" "$1" > $HERE/got'), "{label}"], PATIENCE).publish(event(0, "a\0b\ud800"))
    assert (tmp_path / "got").read_text() == "a\ufffdb?"


def test_it_reads_nothing_and_is_in_a_group_of_its_own(script: Script, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    kept = os.dup(0)
    os.dup2(reader, 0)
    try:
        hook = CommandHook(
            [script("readlink /proc/$$/fd/0 > $HERE/got; cut -d ' ' -f 5 /proc/$$/stat >> $HERE/got")], PATIENCE
        )
        hook.publish(event(0))
    finally:
        os.dup2(kept, 0)
        for one in (reader, writer, kept):
            os.close(one)
    stdin, group = (tmp_path / "got").read_text().split()
    assert stdin == "/dev/null"
    assert int(group) != os.getpgrp()


def test_the_last_line_of_its_output_goes_to_the_log(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hook = CommandHook([script("yes a lot | head -100000; printf 'the \\033[31mend\\n\\n' >&2")], PATIENCE)
    hook.publish(event(0))
    assert caplog.messages[-1].endswith("hook.sh ended with status 0: the \\x1b[31mend")


def test_a_status_other_than_0_is_a_failure_that_names_the_last_line(script: Script) -> None:
    with pytest.raises(OutputError, match=r"ended with status 3 \(no door here\); run the program by hand"):
        CommandHook([script("echo no door here; exit 3")], PATIENCE).publish(event(0))
    with pytest.raises(OutputError, match="ended with signal 15; run the program by hand"):
        CommandHook([script("kill $$")], PATIENCE).publish(event(0))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda path: path.write_text("#!/bin/sh\n"), "Permission denied"),
        (lambda path: (path.write_text("#!/no/such/sh\n"), path.chmod(0o755)), "No such file or directory"),
        (lambda path: (path.write_text("odd"), path.chmod(0o755)), "Exec format error"),
    ],
    ids=["missing", "not executable", "no interpreter", "no program"],
)
def test_a_program_that_cannot_be_started_is_refused_with_a_hint(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    make(tmp_path / "hook")
    with pytest.raises(OutputError, match=rf"hook cannot be started \({reason}\); check the path, that the file may"):
        CommandHook([str(tmp_path / "hook")], PATIENCE).publish(event(0))


HANGING = {
    "itself": "echo $$ > $HERE/pid; echo here; exec sleep 1000",
    "a child that holds the output": "sleep 1000 & echo $! > $HERE/pid; echo here",
    "a child, the output closed": "echo $$ > $HERE/pid; exec >&- 2>&-; sleep 1000",
    "endless output": "echo $$ > $HERE/pid; exec yes",
    "deaf to signals": "trap '' TERM INT HUP; echo $$ > $HERE/pid; echo here; while :; do sleep 1000; done",
}


@pytest.mark.parametrize("lines", HANGING.values(), ids=HANGING)
def test_a_program_that_does_not_end_is_killed_with_its_group(script: Script, tmp_path: Path, lines: str) -> None:
    pid = tmp_path / "pid"

    class OnceItRuns(FakeClock):
        """Stands still until the program has written its process id; then an hour has passed at the next look."""

        def __init__(self) -> None:
            super().__init__()
            self.requested = 0

        def monotonic(self) -> float:
            self.requested += 1
            runs = self.requested > 1 and pid.exists() and pid.read_text().endswith("\n")
            return super().monotonic() + 3600.0 * runs

    hook = CommandHook([script(lines)], PATIENCE, clock=OnceItRuns())
    with pytest.raises(OutputError, match=r"did not end within 30 s and was killed; make the program faster"):
        hook.publish(event(0))
    assert ends(int(pid.read_text()))


def ends(pid: int) -> bool:
    """Wait for the end of a process, which need not be a child of this one."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], PATIENCE)[0])
    finally:
        os.close(process)


def test_each_event_runs_it_once_in_order_behind_a_queue(script: Script, tmp_path: Path) -> None:
    sink_queue = SinkQueue(
        CommandHook([script('echo "$1" >> $HERE/got; [ "$1" != 2 ]'), "{label}"], PATIENCE), name="hook"
    )
    for number in range(5):
        sink_queue.offer(event(number, str(number)), wait=False)
    sink_queue.close(PATIENCE)
    assert (tmp_path / "got").read_text().split() == ["0", "1", "2", "3", "4"]
    assert sink_queue.failures == 1
    assert sink_queue.problem is not None
    assert "hook.sh ended with status 1" in sink_queue.problem


def test_it_wants_events_alone() -> None:
    assert CommandHook(["true"], 1.0).wants == (Event,)
