"""Stable states from the scores of single frames: smoothing against its recurrence, hysteresis, dwell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.runtime.states import NEGLIGIBLE, States, Transition

Frame = tuple[float, dict[str, float], bool]
"""The seconds since the previous frame, the scores, and whether the frame is unknown."""

SCORES = st.dictionaries(st.sampled_from(["a", "b", "c", "background"]), st.floats(0, 1))
FRAMES = st.lists(st.tuples(st.floats(0, 2), SCORES, st.booleans()), max_size=60)
SETTINGS = st.builds(
    lambda smoothing_s, limits, dwell_s: {
        "smoothing_s": smoothing_s,
        "leave": min(limits),
        "enter": max(limits),
        "dwell_s": dwell_s,
    },
    st.sampled_from([0.0, 0.2, 0.5, 3.0]),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.sampled_from([0.0, 0.3, 0.5, 1.7]),
)


def play(states: States, frames: Iterable[Frame]) -> list[Transition]:
    """Return the transitions of `frames`. The first frame is at 0 seconds."""
    at, reported = 0.0, []
    for index, (seconds, scores, unknown) in enumerate(frames):
        at += seconds if index else 0
        if (transition := states.update(scores, unknown=unknown, at=at)) is not None:
            reported.append(transition)
    return reported


def steady(scores: Mapping[str, float], seconds: float, fps: float = 20, *, unknown: bool = False) -> list[Frame]:
    return [(1 / fps, dict(scores), unknown)] * round(seconds * fps)


def labels(reported: Iterable[Transition]) -> list[tuple[str, str | None]]:
    return [(transition.kind, transition.label) for transition in reported]


def test_a_class_enters_gives_way_to_another_one_and_leaves_each_reported_once() -> None:
    frames = steady({"cup": 0.9}, 3) + steady({"mug": 0.8, "cup": 0.1}, 3) + steady({"mug": 0.9}, 3, unknown=True)
    states = States()
    reported = play(states, frames)
    assert labels(reported) == [("entered", "cup"), ("changed", "mug"), ("left", None)]
    assert [transition.previous for transition in reported] == [None, "cup", "mug"]
    assert states.state is None


def test_a_transition_brings_its_evidence() -> None:
    (entered,) = play(States(dwell_s=0.5), steady({"cup": 0.9}, 1, fps=8))
    assert entered == Transition("entered", "cup", None, 0.9, 0.5, 0.0, 5)


def test_between_the_two_limits_nothing_changes() -> None:
    states = States(enter=0.6, leave=0.4)
    assert play(states, steady({"cup": 0.5}, 5)) == []
    assert labels(play(states, steady({"cup": 0.7}, 5))) == [("entered", "cup")]
    assert play(States(), steady({"cup": 0.9}, 5) + steady({"cup": 0.45, "mug": 0.55}, 9))[1:] == []


def test_exactly_at_the_limits_a_class_may_begin_and_stays() -> None:
    states = States(smoothing_s=0, enter=0.6, leave=0.4)
    assert labels(play(states, steady({"cup": 0.6}, 1) + steady({"cup": 0.4}, 3))) == [("entered", "cup")]


def test_of_two_that_are_equal_the_state_stays() -> None:
    states = States(smoothing_s=0)
    both = steady({"mug": 0.2, "cup": 0.9}, 1) + steady({"mug": 0.9, "cup": 0.9}, 3)
    assert labels(play(states, both)) == [("entered", "cup")]


def test_at_a_thousand_frames_a_second_a_class_can_begin() -> None:
    reported = play(States(), steady({"cup": 0.9}, 1, fps=2000) + steady({"mug": 0.9}, 2, fps=2000))
    assert labels(reported) == [("entered", "cup"), ("changed", "mug")]


def test_a_class_that_is_not_ahead_does_not_take_over() -> None:
    reported = play(States(), steady({"cup": 0.9}, 3) + steady({"cup": 0.9, "mug": 0.8}, 3))
    assert labels(reported) == [("entered", "cup")]


def test_a_state_that_ends_before_the_dwell_time_is_not_reported() -> None:
    glimpse = steady({"mug": 1.0}, 0.45)
    frames = steady({"cup": 0.9}, 3) + glimpse + steady({"cup": 0.9}, 3) + glimpse + steady({}, 0.3, unknown=True)
    reported = play(States(smoothing_s=0, dwell_s=0.5), frames + steady({"cup": 0.9}, 3))
    assert labels(reported) == [("entered", "cup")]


def test_noise_on_every_other_frame_is_smoothed_away() -> None:
    frames = (steady({"cup": 1.0}, 0.1) + steady({"mug": 0.9, "cup": 0.1}, 0.05)) * 60
    assert labels(play(States(), frames)) == [("entered", "cup")]


def test_background_is_nothing() -> None:
    states = States(background=("background", "table"))
    assert play(states, steady({"background": 0.99}, 3) + steady({"table": 0.99}, 3)) == []
    reported = play(states, steady({"cup": 0.9}, 3) + steady({"table": 0.9, "cup": 0.5}, 3))
    assert labels(reported) == [("entered", "cup"), ("left", None)]


def test_a_state_that_becomes_background_has_left() -> None:
    before, after = States(), States(background=("table",))
    play(before, steady({"table": 0.9}, 3))
    assert before.state == "table"
    after.continue_from(before)
    reported = [after.update({"table": 0.9}, unknown=False, at=3 + 0.1 * step) for step in range(1, 20)]
    assert [one.label for one in reported if one] == [None]


def test_without_smoothing_and_dwell_each_frame_decides() -> None:
    states = States(smoothing_s=0, dwell_s=0)
    frames = [*steady({"a": 0.7}, 0.05), *steady({"b": 0.7}, 0.05), *steady({"b": 0.39}, 0.05)]
    reported = play(states, frames)
    assert labels(reported) == [("entered", "a"), ("changed", "b"), ("left", None)]
    assert [transition.frames for transition in reported] == [1, 1, 1]


def test_when_the_camera_is_down_the_state_is_left_and_everything_starts_again() -> None:
    states = States()
    assert states.reset(0.0) is None
    play(states, steady({"cup": 0.9}, 3))
    assert states.reset(10.0) == Transition("left", None, "cup", 0.9, 10.0, 10.0, 0)
    assert (states.state, dict(states.scores), states.reset(11.0)) == (None, {}, None)
    assert states.update({"mug": 0.7}, unknown=False, at=12.0) is None
    assert states.scores == {"mug": 0.7}
    again = states.update({"mug": 0.7}, unknown=False, at=12.5)
    assert again == Transition("entered", "mug", None, 0.7, 12.5, 12.0, 2)


def test_a_reset_forgets_the_evidence_for_the_next_change() -> None:
    states = States(dwell_s=0.5)
    states.update({"mug": 0.9}, unknown=False, at=0.0)
    states.reset(0.1)
    assert states.update({"mug": 0.9}, unknown=False, at=0.5) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"enter": 0.3, "leave": 0.4},
        {"enter": 1.1},
        {"leave": -0.1},
        {"smoothing_s": -1},
        {"dwell_s": -0.1},
        {"dwell_s": math.inf},
        {"smoothing_s": math.nan},
        {"enter": math.nan},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        States(**settings)  # type: ignore[arg-type]  # the background is no number


@given(FRAMES, SETTINGS)
def test_no_state_is_shorter_than_the_dwell_time(frames: list[Frame], settings: dict[str, float]) -> None:
    reported = play(States(**settings), frames)  # type: ignore[arg-type]  # the background is no number
    times = [0.0, *(transition.at for transition in reported)]
    assert all(later - earlier >= settings["dwell_s"] for earlier, later in pairwise(times))
    assert all(transition.at - transition.since >= settings["dwell_s"] for transition in reported)
    assert all(later.since > earlier.at or settings["dwell_s"] == 0 for earlier, later in pairwise(reported))


@given(FRAMES, SETTINGS)
def test_transitions_follow_from_each_other(frames: list[Frame], settings: dict[str, float]) -> None:
    states = States(**settings)  # type: ignore[arg-type]  # the background is no number
    label = None
    for transition in play(states, frames):
        assert transition.previous == label != transition.label != "background"
        kinds = {(False, True): "entered", (True, True): "changed", (True, False): "left"}
        assert transition.kind == kinds[label is not None, transition.label is not None]
        assert transition.frames >= 1 + (settings["dwell_s"] > 0)
        label = transition.label
    assert states.state == label


@given(FRAMES, st.sampled_from([0.0, 0.05, 0.5, 3.0]))
def test_smoothed_scores_are_those_of_the_plain_recurrence(frames: list[Frame], smoothing_s: float) -> None:
    states = States(smoothing_s=smoothing_s)
    expected = dict.fromkeys(["a", "b", "c", "background"], 0.0)
    at = 0.0
    for index, (seconds, scores, unknown) in enumerate(frames):
        at += seconds if index else 0
        weight = 1 - math.exp(-seconds / smoothing_s) if index and smoothing_s else 1.0
        for label, old in expected.items():
            expected[label] = (1 - weight) * old + weight * (0.0 if unknown else scores.get(label, 0.0))
        states.update(scores, unknown=unknown, at=at)
        for label, score in expected.items():
            assert -1e-9 <= score - states.scores.get(label, 0.0) <= 2 * NEGLIGIBLE + 1e-9


@given(FRAMES, st.dictionaries(st.sampled_from("abc"), st.floats(0, 1), min_size=1))
def test_constant_scores_end_in_their_best_class_or_in_nothing(frames: list[Frame], scores: dict[str, float]) -> None:
    states = States(enter=0.6, leave=0.4)
    play(states, [*frames, (2.0, {}, True), *steady({}, 8, unknown=True), *steady(scores, 8)])
    first, second = [*sorted(scores.values(), reverse=True), 0.0][:2]
    if first > 0.61 and first - second > 0.01:
        assert states.state == max(scores, key=scores.__getitem__)
    elif first < 0.59:
        assert states.state is None


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.floats(2, 6)), min_size=1, max_size=6),
    st.sampled_from([3.0, 7.5, 10.0]),
    st.sampled_from([24.0, 30.0, 120.0, 1000.0]),
)
def test_the_frame_rate_does_not_matter(parts: list[tuple[str | None, float]], slow: float, fast: float) -> None:
    def sampled(fps: float) -> list[Transition]:
        states, reported, index = States(), [], 0
        end = 0.0
        for label, seconds in parts:
            end += seconds
            while index / fps < end:
                scores = {} if label is None else {label: 0.9}
                reported.append(states.update(scores, unknown=label is None, at=index / fps))
                index += 1
        return [transition for transition in reported if transition is not None]

    coarse, fine = sampled(slow), sampled(fast)
    assert labels(coarse) == labels(fine)
    for one, other in zip(coarse, fine, strict=True):
        assert abs(one.since - other.since) <= 1 / slow + 1 / fast
        assert abs((one.at - one.since) - (other.at - other.since)) <= 1 / slow + 1e-9


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), SCORES, st.booleans()), max_size=60))
def test_times_that_repeat_or_go_back_break_nothing(frames: list[Frame]) -> None:
    states = States()
    for at, scores, unknown in [*frames, *((at, {"a": 1.0}, False) for at, _, _ in frames)]:
        transition = states.update(scores, unknown=unknown, at=at)
        assert all(0 <= score <= 1 for score in states.scores.values())
        if transition is not None:
            assert transition.at - transition.since >= 0.5
    now = frames[-1][0] if frames else 0.0
    for index in range(200):
        states.update({"b": 0.9}, unknown=False, at=now - 500 + index / 20)
    assert states.state == "b"


def test_evidence_from_before_a_step_back_in_time_does_not_count() -> None:
    states = States(smoothing_s=0, dwell_s=0.5)
    for at in (10.0, 10.4, 3.0, 3.4):
        assert states.update({"a": 1.0}, unknown=False, at=at) is None
    reported = states.update({"a": 1.0}, unknown=False, at=3.5)
    assert reported == Transition("entered", "a", None, 1.0, 3.5, 3.0, 3)


def test_labels_that_come_and_go_do_not_pile_up() -> None:
    states = States()
    for index in range(5_000):
        states.update({f"label {index}": 0.9, "cup": 0.05}, unknown=False, at=index / 30)
        assert len(states.scores) < 150
    for index in range(2_000):
        states.update({f"{index}": NEGLIGIBLE}, unknown=False, at=3000.0)
    assert len(states.scores) < 150


def test_of_a_thousand_classes_only_those_with_a_score_are_followed() -> None:
    scores = dict.fromkeys(map(str, range(1000)), 0.1 / 1000) | {"500": 0.9}
    states = States()
    reported = play(states, steady(scores, 2))
    assert labels(reported) == [("entered", "500")]
    assert set(states.scores) == {"500"}
