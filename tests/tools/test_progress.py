"""Where stderr is not a terminal, progress is a plain line now and then; time is an argument."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from edge_cls.cli.verbosity import verbosity
from edge_cls_tools.cli.progress import download_display, progress_display


class Display:
    """A display that writes to `text`, at a time that the test sets."""

    def __init__(self, *, terminal: bool = False, width: int = 80) -> None:
        self.now = 0.0
        self.text = io.StringIO()
        console = Console(file=self.text, force_terminal=terminal, width=width)
        self.progress = progress_display(console, lambda: self.now)

    @property
    def lines(self) -> list[str]:
        return self.text.getvalue().splitlines()


def test_a_short_job_prints_nothing() -> None:
    display = Display()
    with display.progress as progress:
        task = progress.add_task("reading", total=100, note="")
        for display.now in range(10):
            progress.advance(task, 10)
    assert display.lines == []


def test_lines_are_ten_percent_and_ten_seconds_apart() -> None:
    display = Display()
    with display.progress as progress:
        task = progress.add_task("reading", total=100, note="")
        for display.now in range(1, 101):
            progress.advance(task)
    assert [line.partition(",")[0] for line in display.lines] == [
        f"reading: {count} of 100 ({count} %)" for count in range(10, 101, 10)
    ]
    assert display.lines[4] == "reading: 50 of 100 (50 %), 0:00:50 left"
    assert display.lines[-1] == "reading: 100 of 100 (100 %)"


def test_a_slow_job_prints_a_line_a_minute() -> None:
    display = Display()
    with display.progress as progress:
        task = progress.add_task("student", total=100_000, note="loss 0.5")
        for display.now in range(1, 181):
            progress.update(task, advance=1)
    assert [line.partition(" of ")[0] for line in display.lines] == ["student: 60", "student: 120", "student: 180"]
    assert all(line.endswith(" left, loss 0.5") for line in display.lines)


@pytest.mark.usefixtures("restored_log")
def test_a_quiet_command_shows_nothing() -> None:
    for terminal in (False, True):
        with verbosity(verbose=False, quiet=True):
            display = Display(terminal=terminal)
            with display.progress as progress:
                task = progress.add_task("reading", total=10, note="")
                display.now = 60
                progress.advance(task, 5)
        assert display.lines == []


def test_a_job_of_unknown_length_prints_its_count() -> None:
    display = Display()
    with display.progress as progress:
        task = progress.add_task("importing", total=None, note="")
        display.now = 60
        progress.advance(task, 7)
    assert display.lines == ["importing: 7"]


def test_a_line_is_not_folded_or_taken_for_markup() -> None:
    display = Display(width=20)
    with display.progress as progress:
        task = progress.add_task("[bold]a/long/path/to/a/photo", total=10, note="")
        display.now = 10
        progress.update(task, completed=10)
    assert display.lines == ["[bold]a/long/path/to/a/photo: 10 of 10 (100 %)"]


def test_a_terminal_gets_bars() -> None:
    display = Display(terminal=True)
    assert type(display.progress) is Progress
    with display.progress as progress:
        progress.advance(progress.add_task("reading", total=10, note=""))
    assert "reading" in display.text.getvalue()


def test_a_download_prints_lines_too() -> None:
    text, now = io.StringIO(), 0.0
    with download_display(Console(file=text), lambda: now) as progress:
        task = progress.add_task("weights", total=None)
        now = 10.0
        progress.update(task, completed=500, total=1000)
    assert text.getvalue().startswith("weights: 500 of 1000 (50 %)")
