"""The live view in a terminal."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from rich.console import Console

from edge_cls.classifier import Score
from edge_cls.runtime.messages import Event, Status
from edge_cls.runtime.states import Transition
from edge_cls.sinks import live
from edge_cls.sinks.live import LiveView
from edge_cls.testing import FakeClock
from tests.sinks.messages import command_result, event, frame_info, result, status

PATIENCE = 30.0
"""Seconds after which waiting for an event fails the test. If the code is right, no test waits that long."""

EVIL = "\x1b[2Jtwo\nlines \x07[bold]x[/bold]:smile:"
SAID = "\\x1b[2Jtwo lines \\x07[bold]x[/bold]:smile:"


class Terminal(io.StringIO):
    """Counts the drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Semaphore(0)

    def write(self, text: str) -> int:
        done = super().write(text)
        if "last events" in text:
            self.drawn.release()
        return done


class Screen:
    """A view on a terminal of the given size."""

    def __init__(self, width: int = 80, height: int = 40) -> None:
        self.terminal, self.width, self.height = Terminal(), width, height
        console = Console(file=self.terminal, force_terminal=True, width=width, height=height)
        self.view = LiveView(console, clock=FakeClock())

    @property
    def text(self) -> str:
        page = Console(record=True, file=io.StringIO(), width=self.width, height=self.height)
        page.print(self.view.page())
        return page.export_text()


@pytest.fixture
def screen() -> Iterator[Screen]:
    """A wide screen."""
    made = Screen()
    yield made
    made.view.close()


def panel_line(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_before_anything_came_it_says_so(screen: Screen) -> None:
    for said in ("nothing known", "no frame yet", "starting"):
        assert said in screen.text


def test_the_scores_of_the_newest_frame_and_the_state_are_shown(screen: Screen) -> None:
    scores = [
        Score(name, score) for name, score in zip("abcdefg", (0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02), strict=True)
    ]
    screen.view.publish(result(0, Score("old", 1.0)))
    screen.view.publish(result(1, *scores, unknown=True, state="kettle"))
    text = screen.text
    assert "this frame: unknown" in text
    assert "kettle" in text
    assert "50.0%" in panel_line(text, " a ")
    assert "6.0%" in text
    assert "4.0%" not in text  # the sixth
    assert "old" not in text


def test_a_frame_between_two_classes_is_unsure(screen: Screen) -> None:
    screen.view.publish(result(0, Score("mug", 0.5), Score("cup", 0.4)))
    assert "this frame: unsure" in screen.text
    assert "known 100%" in screen.text
    screen.view.publish(result(1, Score("mug", 0.7), Score("cup", 0.3)))
    assert "unsure" not in screen.text
    screen.view.publish(result(2, Score("background", 0.9), Score("mug", 0.1)))
    assert "this frame: nothing" in screen.text


def test_rate_and_latency_are_those_of_the_last_seconds(screen: Screen) -> None:
    for number in range(0, 100, 2):
        screen.view.publish(result(number, Score("mug", 0.9)))
    screen.view.publish(status(100))
    assert "camera running, 0.5 frames/s, 23 ms latency: picamera2 640x480" in screen.text
    screen.view.publish(Status(1.7e9, "down", "no frame for 10 s"))
    assert "camera down: no frame for 10 s" in screen.text
    assert "frames/s" not in screen.text


def test_problems_are_shown_in_full(screen: Screen) -> None:
    long = "sink card fails: " + "a word " * 20 + "end"
    screen.view.publish(status(0, long, "81 °C"))
    text = " ".join(screen.text.split())
    assert f"! {long} ! 81 °C" in text


def test_the_last_events_and_command_results_are_listed(screen: Screen) -> None:
    for number in range(6):
        screen.view.publish(event(number, f"label-{number}"))
    screen.view.publish(Event(frame_info(6), Transition("changed", "cup", "mug", 0.61, 0.8, 6.0, 5.0, 1), 0.01))
    for number in range(3):
        screen.view.publish(command_result(number, f"taught {number}"))
    text = screen.text
    shown = [
        "entered label-2",
        "entered label-5 (90.0%, 6 frames in 0.5 s)",
        "changed mug to cup (61.0%, 1 frame in 1.0 s)",
    ]
    places = [text.index(said) for said in (*shown, "taught 0 (button 5)", "taught 2 (button 5)")]
    assert places == sorted(places)
    assert "entered label-1" not in text


def test_names_from_anywhere_write_nothing_but_themselves(screen: Screen) -> None:
    screen.view.publish(result(0, Score(EVIL, 0.9), state=EVIL))
    screen.view.publish(event(1, EVIL))
    screen.view.publish(Status(1.7e9, "running", EVIL, EVIL, (EVIL,)))
    screen.view.publish(command_result(1, EVIL))
    text = screen.text
    assert text.count(SAID) >= 4
    screen.view.close()
    assert "\x1b[2J" not in screen.terminal.getvalue()
    assert "\x07" not in screen.terminal.getvalue()


@pytest.mark.parametrize("width", [20, 40, 63, 64, 200])
@pytest.mark.parametrize("height", [5, 24, 60])
def test_no_line_is_wider_than_the_terminal_and_no_page_higher(width: int, height: int) -> None:
    screen = Screen(width, height)
    screen.view.publish(result(0, *(Score("日本語 " * 20, 0.2) for _ in range(5)), state="a long state " * 9))
    screen.view.publish(status(1, state="a long state " * 9))
    for number in range(20):
        screen.view.publish(event(number, "a long label " * 9))
    lines = screen.text.splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) <= max(height, 16)
    screen.view.close()


def test_it_is_drawn_by_itself_and_left_in_the_terminal_with_its_cursor(screen: Screen) -> None:
    screen.view.publish(result(0, Score("mug", 0.9)))
    assert screen.terminal.drawn.acquire(timeout=PATIENCE)
    screen.view.publish(command_result(1, "the last word"))
    screen.view.close()
    written = screen.terminal.getvalue()
    assert "the last word" in written
    assert written.rindex("\x1b[?25h") > written.rindex("the last word")


def test_between_two_drawings_is_a_pause_which_the_end_cuts_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PAUSE_S", 100 * PATIENCE)
    screen = Screen()
    assert screen.terminal.drawn.acquire(timeout=PATIENCE)
    for number in range(50):
        screen.view.publish(result(number, Score(f"label-{number}", 0.9)))
        assert f"label-{number}" in screen.text  # takes long enough for a thread to draw
    screen.view.close()
    written = screen.terminal.getvalue()
    assert written.count("last events") == 2
    assert "label-49" in written


def test_without_colours_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    screen.view.publish(result(0, Score("mug", 0.9), state="mug"))
    screen.view.publish(status(0, "hot", state="mug"))
    screen.view.close()
    written = screen.terminal.getvalue()
    assert not any(f"\x1b[{code}m" in written or f";{code}m" in written for code in (31, 32, 33, 34, 36))
    assert "mug" in written


def test_a_stopped_terminal_stops_no_publisher(screen: Screen) -> None:
    """As after Ctrl-S: only the drawing hangs."""
    hold, hung = threading.Event(), threading.Event()

    def write(text: str) -> int:
        hung.set()
        assert hold.wait(PATIENCE)
        return len(text)

    screen.terminal.write = write  # type: ignore[method-assign] # a terminal that changes its mind
    screen.view.publish(status(0))
    assert hung.wait(PATIENCE)
    for number in range(100):
        screen.view.publish(result(number, Score("mug", 0.9)))
        screen.view.publish(command_result(1, "still here"))
    hold.set()
