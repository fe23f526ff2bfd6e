"""The progress of the workstation's commands: bars in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from edge_cls.cli.verbosity import is_quiet

INTERVAL_S = 10.0
"""Shortest time between two plain lines, in seconds: a command that is done earlier prints none."""
STEP_PERCENT = 10
"""Part of a task, in percent, after which a plain line is printed."""
LONGEST_SILENCE_S = 60.0
"""Time in seconds after which a plain line is printed, even if less than STEP_PERCENT of the task is done."""


def progress_display(console: Console | None = None, get_time: Callable[[], float] | None = None) -> Progress:
    """Return a display on `console`, stderr by default, for tasks that count items and have a field `note`.

    It shows nothing if the command is quiet. `get_time` returns the time in seconds, of a monotonic clock by default.
    """
    columns = MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}")
    return _display(columns, console, get_time)


def download_display(console: Console | None = None, get_time: Callable[[], float] | None = None) -> Progress:
    """Return a display as `progress_display`, for tasks that count bytes."""
    return _display((DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()), console, get_time)


def _display(
    columns: tuple[ProgressColumn, ...], console: Console | None, get_time: Callable[[], float] | None
) -> Progress:
    console = console or Console(stderr=True)
    if is_quiet():
        return Progress(console=console, disable=True)
    if not console.is_terminal:
        return PlainProgress(console, get_time)
    description = TextColumn("{task.description}")
    return Progress(description, BarColumn(), *columns, console=console, transient=True, get_time=get_time)


class PlainProgress(Progress):
    """A display for pipes and log files: it prints a line at most every INTERVAL_S, and draws nothing."""

    def __init__(self, console: Console, get_time: Callable[[], float] | None = None) -> None:
        super().__init__(console=console, get_time=get_time, disable=True)
        self._printed_at = self.get_time()
        self._printed_percent: dict[TaskID, int] = {}

    def update(self, task_id: TaskID, **changes: object) -> None:
        """Change a task as rich does, and print a line if one is due."""
        super().update(task_id, **changes)  # type: ignore[arg-type]
        self._print_if_due(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Count `advance` more steps of a task, and print a line if one is due."""
        super().advance(task_id, advance)
        self._print_if_due(task_id)

    def _print_if_due(self, task_id: TaskID) -> None:
        silence = self.get_time() - self._printed_at
        if silence < INTERVAL_S:
            return
        task = self._tasks[task_id]
        percent = round(task.percentage)
        if percent - self._printed_percent.get(task_id, 0) >= STEP_PERCENT or silence >= LONGEST_SILENCE_S:
            self._printed_at += silence
            self._printed_percent[task_id] = percent
            self.console.print(_line(task), markup=False, highlight=False, soft_wrap=True)


def _line(task: Task) -> str:
    line = f"{task.description}: {task.completed:.0f}"
    if task.total:
        line += f" of {task.total:.0f} ({task.percentage:.0f} %)"
    if task.time_remaining and not task.finished:
        line += f", {timedelta(seconds=round(task.time_remaining))} left"
    note = task.fields.get("note")
    return f"{line}, {note}" if note else line
