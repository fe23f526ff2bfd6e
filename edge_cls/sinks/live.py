"""A live view for a terminal."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque

from rich import box
from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edge_cls.classifier import Prediction
from edge_cls.errors import one_line
from edge_cls.runtime.messages import CommandResult, Event, Message, Result, Status
from edge_cls.runtime.ports import Clock
from edge_cls.sinks.text import change_line, command_line

_PAUSE_S = 0.1
"""Seconds between two drawings: nobody reads faster."""
_WINDOW_S = 3.0
"""Seconds of frames over which frame rate and latency are computed."""
_SCORES = 5
"""Classes whose scores are shown: the best ones."""
_LINES = 8
"""Events and results of commands that are shown: the last ones."""
_WIDE = 64
"""Columns from which state and scores are side by side."""
_COLOURS = {"opening": "yellow", "running": "green", "down": "red", "ended": "blue"}


class LiveView:
    """Draws the state, the scores of the newest frame, the camera, and the last events and results of commands.

    A thread of its own draws if something has changed, at most 10 times a second. An OSError of the terminal is raised
    by the next `publish`, and drawing is tried again.
    """

    wants = (Result, Event, CommandResult, Status)

    def __init__(self, console: Console, *, clock: Clock = time) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._dirty = True
        self._closed = False
        self._failure: OSError | None = None
        self._result: Result | None = None
        self._status: Status | None = None
        self._state: str | None = None
        self._since: float | None = None
        self._frames: deque[tuple[float, float]] = deque()
        self._lines: deque[tuple[float, str]] = deque(maxlen=_LINES)
        self._console = console
        self._live = Live(console=console, auto_refresh=False, get_renderable=self.page)
        self._thread = threading.Thread(target=self._draw, name="live view", daemon=True)
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Show `message` in the next drawing."""
        with self._changed:
            if isinstance(message, Result):
                self._take_result(message)
            elif isinstance(message, Event):
                self._state, self._since = message.transition.label, message.frame.timestamp
                self._lines.append((message.frame.timestamp, change_line(message)))
            elif isinstance(message, CommandResult):
                self._lines.append((message.timestamp, command_line(message)))
            elif isinstance(message, Status):
                self._status, self._state = message, message.state
            failure, self._failure = self._failure, None
            self._show()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Draw a last time, and leave the drawing in the terminal. Closing twice is safe."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def page(self) -> RenderableType:
        """Return the drawing for the present size of the console."""
        width, height = self._console.size
        with self._changed:
            wide = width >= _WIDE
            problems = self._problems(width)
            # The panels of state and scores, the camera, and the frame around the last lines.
            used = (_SCORES + 2 if wide else _SCORES + 7) + 1 + len(problems) + 2
            events = self._last_events(max(1, min(_LINES, height - used)))
            return Group(*self._top(side_by_side=wide), self._camera(), *problems, events)

    def _show(self) -> None:
        self._dirty = True
        self._changed.notify_all()

    def _take_result(self, result: Result) -> None:
        self._result, self._state = result, result.state
        self._frames.append((result.frame.captured, result.latency))
        while self._frames[0][0] < result.frame.captured - _WINDOW_S:
            self._frames.popleft()

    def _draw(self) -> None:
        closed = False
        while not closed:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._closed)
                self._dirty, closed = False, self._closed
            try:
                if closed:
                    self._live.stop()  # it draws once more
                else:
                    self._live.start()
                    self._live.refresh()
            except OSError as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, _PAUSE_S)

    def _top(self, *, side_by_side: bool) -> list[RenderableType]:
        if not side_by_side:
            return [self._state_panel(5), self._scores_panel()]
        grid = Table.grid(expand=True)
        grid.add_column(ratio=2)
        grid.add_column(ratio=3)
        grid.add_row(self._state_panel(_SCORES + 2), self._scores_panel())
        return [grid]

    def _state_panel(self, height: int) -> Panel:
        known = self._state is not None
        said = f"  {one_line(self._state)}  " if self._state is not None else "nothing known"
        text = Text(said, "bold reverse green" if known else "dim", no_wrap=True, overflow="ellipsis")
        since = None if self._since is None else Text(f"since {_time_of_day(self._since)}")
        return Panel(
            Align.center(text, vertical="middle"),
            box=box.HEAVY if known else box.ROUNDED,
            title=Text("state"),
            subtitle=since,
            height=height,
            border_style="green" if known else "dim",
        )

    def _scores_panel(self) -> Panel:
        prediction = None if self._result is None else self._result.prediction
        title, body = Text("this frame"), _scores(prediction)
        known = None if prediction is None else Text(f"known {prediction.known:.0%}")
        if prediction is not None and (prediction.unknown or prediction.unsure):
            title.append(": unknown" if prediction.unknown else ": unsure", "yellow")
        elif prediction is not None and prediction.shows_background:
            title.append(": nothing", "dim")
        if prediction is not None and prediction.value is not None:
            title.append(f": {prediction.value:.6g}")
        return Panel(body, box=box.ROUNDED, title=title, subtitle=known, height=_SCORES + 2, border_style="dim")

    def _camera(self) -> Text:
        line = Text(" ", no_wrap=True, overflow="ellipsis")
        if self._status is None:
            return line.append("starting", "yellow")
        line.append(f"{self._status.camera} {self._status.kind}", _COLOURS[self._status.kind])
        span = self._frames[-1][0] - self._frames[0][0] if self._frames else 0.0
        if span > 0.0 and self._status.kind == "running":
            latency = statistics.median(latency for _, latency in self._frames)
            line.append(f", {(len(self._frames) - 1) / span:.1f} frames/s, {latency * 1000:.0f} ms latency")
        if self._status.detail not in ("", self._status.kind):
            line.append(f": {one_line(self._status.detail)}")
        return line

    def _problems(self, width: int) -> list[RenderableType]:
        """Return the lines of all problems, each wrapped to `width`."""
        problems = () if self._status is None else self._status.problems
        texts = [Text(f"! {one_line(problem)}", "yellow") for problem in problems]
        return [Padding(line, (0, 1)) for text in texts for line in text.wrap(self._console, width - 2)]

    def _last_events(self, room: int) -> Panel:
        lines = Text(no_wrap=True, overflow="ellipsis")
        for when, line in list(self._lines)[-room:]:
            lines.append(f"{_time_of_day(when)}  ", "dim").append(f"{line}\n")
        return Panel(lines, box=box.ROUNDED, title=Text("last events"), height=room + 2, border_style="dim")


def _scores(prediction: Prediction | None) -> RenderableType:
    if prediction is None or not prediction.predictions:
        said = "no frame yet" if prediction is None else "no class is known yet"
        return Align.center(Text(said, "dim"), vertical="middle")
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=3)
    table.add_column(justify="right", no_wrap=True)
    for score in prediction.predictions[:_SCORES]:
        bar = ProgressBar(total=1.0, completed=score.score, complete_style="cyan", finished_style="cyan")
        table.add_row(Text(one_line(score.label)), bar, Text(f"{score.score:.1%}"))
    return table


def _time_of_day(timestamp: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(timestamp))
