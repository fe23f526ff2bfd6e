"""The options that stand before the name of a command."""

from __future__ import annotations

import logging
import os

import pytest
from rich.console import Console

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.verbosity import is_quiet, note, set_up_log, verbosity
from edge_cls_tools.cli.progress import progress_display
from tests.commands import EdgeCls, good

pytestmark = pytest.mark.usefixtures("restored_log")
UNTAUGHT = ("run", "--source", "red.png", "--model", "mean.tflite", "--json")
"""A run that ends with a result and a note."""


@pytest.mark.parametrize(("short", "long"), [("-h", "--help"), ("-V", "--version")])
def test_short_names_do_the_same(edge_cls: EdgeCls, short: str, long: str) -> None:
    assert good(edge_cls(short)) == good(edge_cls(long)) != ""


def test_commands_and_groups_have_the_short_help_too(edge_cls: EdgeCls) -> None:
    assert good(edge_cls("memory", "show", "-h")) == good(edge_cls("memory", "show", "--help")) != ""


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_leaves_only_the_result(edge_cls: EdgeCls, option: str) -> None:
    assert edge_cls(*UNTAUGHT).stderr.startswith("no class is known yet")
    assert good(edge_cls(option, *UNTAUGHT)).startswith("{")


def test_quiet_turns_the_progress_display_off() -> None:
    terminal = Console(force_terminal=True)
    for quiet in (False, True):
        with verbosity(verbose=False, quiet=quiet):
            assert progress_display(terminal).disable is quiet


def test_quiet_keeps_errors(edge_cls: EdgeCls) -> None:
    done = edge_cls("-q", "classify", "tiny.tflite", "no.jpg")
    assert (done.returncode, done.stderr.startswith("error: no.jpg does not exist")) == (1, True)


@pytest.mark.parametrize(("option", "level"), [("verbose", logging.DEBUG), ("quiet", logging.ERROR)])
def test_the_log_is_shown_from_the_chosen_level_on(option: str, level: int) -> None:
    with verbosity(**{"verbose": False, "quiet": False, option: True}):
        assert logging.getLogger("edge_cls").level == level
        set_up_log()  # as 'edge-cls run' does
        assert logging.getLogger("edge_cls").level == level


def test_verbose_shows_native_messages(capfd: pytest.CaptureFixture[str]) -> None:
    for verbose in (False, True):
        with verbosity(verbose=verbose, quiet=False), quiet_native_libraries():
            os.write(2, b"native\n")
        assert capfd.readouterr().err == ("native\n" if verbose else "")


def test_the_choice_ends_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with verbosity(verbose=False, quiet=True):
        assert is_quiet()
        note("unseen")
    assert not is_quiet()
    note("seen")
    assert capsys.readouterr().err == "seen\n"


def test_verbose_and_quiet_are_refused_together(edge_cls: EdgeCls) -> None:
    done = edge_cls("-v", "-q", "config", "show")
    assert done.returncode == 2
    assert "give --verbose or --quiet, not both" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("edge-cls run --head knn-m", "knn-manhattan"),
        ("edge-cls run --classes b", "both"),
        ("edge-cls run --delegate e", "edgetpu"),
        ("edge-cls mem", "memory"),
    ],
)
def test_tab_completes_commands_and_values(
    edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch, words: str, expected: str
) -> None:
    monkeypatch.setenv("_EDGE_CLS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert expected in edge_cls().stdout.split()
