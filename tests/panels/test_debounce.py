"""Debouncing, against a brute-force walk over the sampled signal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_cls.panels.debounce import Debouncer, Press, Release, Repeat

# Ticks are whole numbers, so that sums are exact and the reference can walk from one to the next.
DEBOUNCE, HOLD, REPEAT = 4, 20, 7
Change = Press | Repeat | Release


def debouncer(hold_s: float = HOLD) -> Debouncer:
    return Debouncer(debounce_s=DEBOUNCE, hold_s=hold_s, repeat_s=REPEAT)


def levels(edges: Sequence[int], end: int) -> list[bool]:
    """Return the level after the edges at each tick. The contact is open at first."""
    down, signal = False, []
    for tick in range(end):
        down ^= edges.count(tick) % 2 == 1
        signal.append(down)
    return signal


def played(edges: Sequence[int], *, advanced_at: Sequence[int]) -> list[Change]:
    """Return the changes that a debouncer finds in `edges` if `advance` is called at the times `advanced_at`."""
    contact, reported, down = debouncer(), [], False
    for tick, is_call in sorted([(edge, False) for edge in edges] + [(now, True) for now in advanced_at]):
        if is_call:
            reported += contact.advance(tick)
        else:
            down = not down
            contact.edge(down, tick)
    return reported


def reference(signal: Sequence[bool]) -> list[Change]:
    """Walk over the samples, and return the changes that a debouncer must find if it is called at every tick."""
    reported: list[Change] = []
    believed, tick, repeat = False, 0, math.inf
    while tick < len(signal):
        if signal[tick] != believed:
            # The level just before the end of the window counts; an edge exactly at the end belongs to the next one.
            if tick + DEBOUNCE < len(signal) and signal[tick + DEBOUNCE - 1] != believed:
                believed = not believed
                reported.append(Press(tick) if believed else Release(tick))
                repeat = tick + HOLD if believed else math.inf
            # A repeat that falls into the window waits for its end.
            tick += DEBOUNCE
            if not (tick < len(signal) and believed and repeat <= tick and signal[tick] == believed):
                continue
        if believed and repeat <= tick:
            # Two successive windows may have hidden more than one repeat: the last one is returned.
            repeat += (tick - repeat) // REPEAT * REPEAT
            reported.append(Repeat(repeat))
            repeat += REPEAT
        tick += 1
    return reported


edges = st.lists(st.integers(0, 120), max_size=16, unique=True).map(sorted)


@given(edges)
@example([0, 1, 2, 3, 4, 100, 101, 104, 105])
def test_it_agrees_with_a_walk_over_the_samples(edges: list[int]) -> None:
    assert played(edges, advanced_at=range(140)) == reference(levels(edges, 140))


@given(st.lists(st.integers(1, DEBOUNCE - 1), max_size=DEBOUNCE - 1, unique=True), st.integers(DEBOUNCE, HOLD - 1))
def test_whatever_bounces_within_the_time_is_one_press_at_the_first_edge(bounces: list[int], held: int) -> None:
    pattern = sorted(bounces)[: len(bounces) // 2 * 2]
    both = [0, *pattern, held, *(held + bounce for bounce in pattern)]
    assert played(both, advanced_at=range(100)) == [Press(0), Release(held)]


@given(st.lists(st.tuples(st.integers(1, DEBOUNCE - 1), st.integers(DEBOUNCE, 30)), max_size=8))
def test_spikes_are_no_press(spikes: list[tuple[int, int]]) -> None:
    at, pattern = 0, []
    for length, pause in spikes:
        pattern += [at, at + length]
        at += length + pause
    assert played(pattern, advanced_at=range(at + 10)) == []


@given(st.integers(DEBOUNCE, 400))
def test_a_steady_hold_repeats_at_a_steady_rate(held: int) -> None:
    *presses, last = played([0, held], advanced_at=range(held + 10))
    repeats = [Repeat(tick) for tick in range(HOLD, held, REPEAT)]
    assert (presses, last) == ([Press(0), *repeats], Release(held))


@given(st.integers(DEBOUNCE, 60), st.lists(st.integers(0, 100), max_size=6).map(sorted))
def test_called_late_it_returns_one_repeat_and_keeps_the_rhythm(held: int, calls: list[int]) -> None:
    reported: list[list[Change]] = []
    contact = debouncer()
    contact.edge(True, 0)
    reported = [contact.advance(now) for now in calls]
    assert all(sum(isinstance(one, Repeat) for one in batch) <= 1 for batch in reported)
    flat = [one.at for batch in reported for one in batch if isinstance(one, Repeat)]
    assert all((at - HOLD) % REPEAT == 0 for at in flat)
    assert flat == sorted(set(flat))
    assert all(
        one.at <= now < one.at + REPEAT
        for now, batch in zip(calls, reported, strict=True)
        for one in batch
        if isinstance(one, Repeat)
    )
    contact.edge(False, 100 + held)
    assert contact.advance(1000) == ([Press(0)] if not any(reported) else []) + [Release(100 + held)]


@given(edges)
def test_presses_and_releases_are_the_same_however_late_it_is_called(edges: list[int]) -> None:
    at_once, late = (
        [one for one in played(edges, advanced_at=calls) if not isinstance(one, Repeat)]
        for calls in (range(140), [139])
    )
    assert late == at_once


@given(edges)
def test_it_need_not_be_called_before_it_is_due(edges: list[int]) -> None:
    contact, reported, down, now = debouncer(), [], False, 0
    for edge in [*edges, 140]:
        while contact.due() < edge:
            now = max(now, int(contact.due()))
            reported += contact.advance(now)
        down = not down
        if edge < 140:
            contact.edge(down, edge)
    assert reported == played(edges, advanced_at=range(140))


@given(st.floats(0, 1e9), st.floats(1e-3, 10), st.floats(1e-3, 10))
def test_time_always_goes_on_whatever_the_rounding(start: float, hold_s: float, repeat_s: float) -> None:
    contact = Debouncer(debounce_s=0.0, hold_s=hold_s, repeat_s=repeat_s)
    contact.edge(True, start)
    contact.advance(start)
    for _ in range(20):
        due = contact.due()
        assert contact.advance(due) == [Repeat(due)]
        assert contact.due() > due


def test_only_the_first_edge_may_be_the_moment_of_a_press() -> None:
    contact = debouncer()
    assert [contact.edge(tick % 2 == 0, tick) for tick in range(3)] == [True, False, False]
    assert contact.advance(4) == [Press(0)]
    # A bounce on release is not a press either.
    assert [contact.edge(tick % 2 == 1, tick) for tick in (10, 11, 12)] == [False, False, False]
    assert contact.edge(True, 14)


def test_there_is_no_change_while_time_stands_still() -> None:
    contact = debouncer()
    for down in (True, False, True):
        contact.edge(down, 5)
        assert contact.advance(5) == []
    assert contact.due() == 5 + DEBOUNCE


def test_nothing_is_due_without_an_edge_nor_after_the_release() -> None:
    contact = debouncer()
    assert contact.due() == math.inf
    contact.edge(True, 0)
    contact.edge(False, 10)
    contact.advance(50)
    assert contact.due() == math.inf


def test_with_an_infinite_hold_nothing_repeats() -> None:
    contact = debouncer(math.inf)
    contact.edge(True, 0)
    assert contact.advance(4) == [Press(0)]
    assert (contact.due(), contact.advance(10_000)) == (math.inf, [])


@pytest.mark.parametrize("down", [False, True])
def test_a_repeated_edge_is_one_edge(down: bool) -> None:
    contact = debouncer()
    contact.edge(down, 0)
    assert not contact.edge(down, 1)
    assert contact.advance(10) == ([Press(0)] if down else [])
