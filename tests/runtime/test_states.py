"""Stable states from the predictions of single frames: smoothing against its recurrence, hysteresis, dwell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import cycle, islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.prediction import Prediction, Score, ranked
from edge_cls.runtime.states import NEGLIGIBLE, UNSURE_PATIENCE, Evidence, States, Transition

Frame = tuple[float, Prediction]
"""The seconds since the previous frame, and the prediction."""

NOTHING = Prediction((), known=0.0)
LABELS = ("a", "b", "c", "background")
PREDICTIONS = st.builds(
    lambda scores, known: Prediction(ranked(scores), known),
    st.dictionaries(st.sampled_from(LABELS), st.floats(0, 1)),
    st.floats(0, 1),
)
FRAMES = st.lists(st.tuples(st.floats(0, 2), PREDICTIONS), max_size=60)
SETTINGS = st.builds(
    lambda smoothing_s, limits, dwell_s: {
        "smoothing_s": smoothing_s,
        "leave": min(limits),
        "enter": max(limits),
        "dwell_s": dwell_s,
    },
    st.sampled_from([0.0, 0.2, 0.5, 3.0]),
    st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)),
    st.sampled_from([0.0, 0.3, 0.5, 1.7]),
)


def seen(label: str, score: float = 0.9, known: float = 0.8, **others: float) -> Prediction:
    """Return a prediction of `label`; `others` are the scores of other classes."""
    return Prediction((Score(label, score), *ranked(others)), known)


BETWEEN = (seen("a", 0.5, b=0.5), seen("b", 0.5, a=0.5))
"""Two unsure frames, between the same classes."""


def play(states: States, frames: Iterable[Frame], start: float = 0.0) -> list[Transition]:
    """Return the transitions of `frames`. The first frame is at `start` seconds."""
    at, reported = start, []
    for index, (seconds, prediction) in enumerate(frames):
        at += seconds if index else 0
        if (transition := states.update(prediction, at=at)) is not None:
            reported.append(transition)
    return reported


def steady(prediction: Prediction, seconds: float, fps: float = 20) -> list[Frame]:
    return [(1 / fps, prediction)] * round(seconds * fps)


def turns(predictions: Iterable[Prediction], seconds: float, fps: float = 20) -> list[Frame]:
    """Return frames that show `predictions` in turns."""
    return [(1 / fps, one) for one in islice(cycle(predictions), round(seconds * fps))]


def labels(reported: Iterable[Transition]) -> list[tuple[str, str | None]]:
    return [(transition.kind, transition.label) for transition in reported]


def test_a_class_enters_gives_way_to_another_one_and_leaves_each_reported_once() -> None:
    frames = steady(seen("cup"), 3) + steady(seen("mug", 0.8, cup=0.1), 3) + steady(seen("mug", known=0.4), 3)
    states = States()
    reported = play(states, frames)
    assert labels(reported) == [("entered", "cup"), ("changed", "mug"), ("left", None)]
    assert [transition.previous for transition in reported] == [None, "cup", "mug"]
    assert states.state is None


def test_a_class_that_stays_known_becomes_the_state_whatever_its_score() -> None:
    assert labels(play(States(), steady(seen("apple", 0.21, 0.5, pear=0.2, plum=0.2), 2))) == [("entered", "apple")]
    assert play(States(), steady(seen("apple", 0.99, 0.499), 10)) == []


def test_a_transition_brings_its_evidence() -> None:
    (entered,) = play(States(dwell_s=0.5), steady(seen("cup", 0.7, 0.9), 1, fps=8))
    assert entered == Transition("entered", "cup", None, 0.7, 0.9, 0.5, 0.0, 5)


@pytest.mark.parametrize("smoothing_s", [0.0, 0.5])
def test_a_state_that_has_left_says_how_it_was_seen(smoothing_s: float) -> None:
    frames = steady(seen("cup", 0.7, 0.9), 3) + steady(NOTHING, 9)
    *_, left = play(States(smoothing_s=smoothing_s, dwell_s=8), steady(seen("cup", 0.7, 0.9), 9) + frames)
    assert (left.kind, left.previous) == ("left", "cup")
    assert (left.score, left.known) == pytest.approx((0.7, 0.9))


def test_between_the_two_limits_nothing_changes() -> None:
    states = States(enter=0.6, leave=0.4)
    half = turns([NOTHING, seen("cup")], 9)
    assert play(states, half) == []
    assert labels(play(states, steady(seen("cup"), 5), start=9)) == [("entered", "cup")]
    assert play(states, half, start=14) == []
    assert labels(play(states, turns([NOTHING, NOTHING, seen("cup")], 9), start=23)) == [("left", None)]


def test_exactly_at_the_limits_a_class_may_begin_and_stays() -> None:
    before = States()
    play(before, [(0.0, NOTHING), (0.4, seen("cup"))])
    share = before.evidence["cup"].share
    assert share == pytest.approx(1 - math.exp(-0.4 / 0.5))
    states = States(enter=share, leave=share, dwell_s=0)
    states.continue_from(before)
    at_the_same_time = [(0.0, NOTHING)] * 3  # which changes no share
    assert labels(play(states, at_the_same_time, start=0.4)) == [("entered", "cup")]


def test_at_a_thousand_frames_a_second_a_class_can_begin() -> None:
    reported = play(States(), steady(seen("cup"), 1, fps=2000) + steady(seen("mug"), 2, fps=2000))
    assert labels(reported) == [("entered", "cup"), ("changed", "mug")]


def test_a_class_that_is_not_ahead_does_not_take_over() -> None:
    reported = play(States(), steady(seen("cup"), 3) + steady(seen("cup", 0.9, mug=0.8), 3))
    assert labels(reported) == [("entered", "cup")]


def test_a_state_that_ends_before_the_dwell_time_is_not_reported() -> None:
    glimpse = steady(seen("mug"), 0.45)
    frames = steady(seen("cup"), 3) + glimpse + steady(seen("cup"), 3) + glimpse + steady(NOTHING, 0.3)
    reported = play(States(smoothing_s=0, dwell_s=0.5), frames + steady(seen("cup"), 3))
    assert labels(reported) == [("entered", "cup")]


def test_noise_on_every_other_frame_is_smoothed_away() -> None:
    frames = turns([seen("cup"), seen("cup"), seen("mug", 0.9, cup=0.1)], 9)
    assert labels(play(States(), frames)) == [("entered", "cup")]


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_two_classes_that_are_equally_probable_do_not_take_turns(fps: int) -> None:
    assert labels(play(States(), steady(seen("a"), 3) + turns(BETWEEN, 60, fps))) == [("entered", "a")]
    frames = [(1 / fps, BETWEEN[which]) for which in np.random.default_rng(1).integers(2, size=60 * fps)]
    assert len(play(States(), frames)) == 1


def test_a_class_that_stays_ahead_by_a_little_replaces_its_rival_later_than_another_state() -> None:
    ahead = steady(seen("b", 0.51, a=0.49), 3)
    rival = play(States(), steady(seen("a"), 3) + ahead)
    other = play(States(), steady(seen("c"), 3) + ahead)
    assert labels(rival)[1:] == labels(other)[1:] == [("changed", "b")]
    # The share of the state falls to 0.4 in 0.46 s, or in four times that; both then take the dwell time.
    expected = [0.5 * math.log(1 / 0.4) + 0.5, 4 * 0.5 * math.log(1 / 0.4) + 0.5]
    assert [transition.at - 3 for transition in (other[1], rival[1])] == pytest.approx(expected, abs=0.1)


def test_background_is_nothing() -> None:
    states = States(background=("table",))
    assert play(states, steady(seen("background"), 3) + steady(seen("table"), 3)) == []
    reported = play(states, steady(seen("cup"), 3) + steady(seen("table", 0.9, cup=0.5), 9), start=6)
    assert labels(reported) == [("entered", "cup"), ("left", None)]


def test_a_state_that_becomes_background_has_left() -> None:
    before, after = States(), States(background=("table",))
    play(before, steady(seen("table"), 3))
    assert before.state == "table"
    after.continue_from(before)
    reported = [after.update(seen("table"), at=3 + 0.1 * step) for step in range(1, 20)]
    assert [one.label for one in reported if one] == [None]


def test_without_smoothing_and_dwell_each_frame_decides() -> None:
    states = States(smoothing_s=0, dwell_s=0)
    frames = [*steady(seen("a"), 0.05), *steady(seen("b", 0.5, a=0.5), 0.05), *steady(NOTHING, 0.05)]
    reported = play(states, frames)
    assert labels(reported) == [("entered", "a"), ("changed", "b"), ("left", None)]
    assert [transition.frames for transition in reported] == [1, 1, 1]


def test_when_the_camera_is_down_the_state_is_left_and_everything_starts_again() -> None:
    states = States()
    assert states.reset(0.0) is None
    play(states, steady(seen("cup"), 3))
    assert states.reset(10.0) == Transition("left", None, "cup", 0.9, 0.8, 10.0, 10.0, 0)
    assert (states.state, dict(states.evidence), states.reset(11.0)) == (None, {}, None)
    assert states.update(seen("mug", 0.7), at=12.0) is None
    assert states.evidence == {"mug": Evidence(1.0, 0.7, 0.8)}
    again = states.update(seen("mug", 0.7), at=12.5)
    assert again == Transition("entered", "mug", None, 0.7, 0.8, 12.5, 12.0, 2)


def test_a_reset_forgets_the_evidence_for_the_next_change() -> None:
    states = States(dwell_s=0.5)
    states.update(seen("mug"), at=0.0)
    states.reset(0.1)
    assert states.update(seen("mug"), at=0.5) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"enter": 0.3, "leave": 0.4},
        {"enter": 1.0},
        {"leave": 0.0},
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
        assert transition.known >= 0.5
        label = transition.label
    assert states.state == label


@given(FRAMES, SETTINGS, st.sampled_from(LABELS), st.integers(1, 120), st.data())
def test_what_stays_known_becomes_the_state(
    before: list[Frame], settings: dict[str, float], label: str, fps: int, data: st.DataObject
) -> None:
    """The class is the best in every frame, by however little, and known, however barely; the others are anything."""
    best = data.draw(st.floats(0.3, 1))
    some = [
        Prediction((Score(label, best), *ranked({other: best * share for other, share in others.items()})), known)
        for others, known in data.draw(
            st.lists(
                st.tuples(
                    st.dictionaries(st.sampled_from([one for one in LABELS if one != label]), st.floats(0, 1)),
                    st.floats(0.5, 1),
                ),
                min_size=1,
                max_size=4,
            )
        )
    ]
    enter, leave, smoothing_s, dwell_s = (settings[name] for name in ("enter", "leave", "smoothing_s", "dwell_s"))
    slowest = smoothing_s * max(-UNSURE_PATIENCE * math.log(leave), -math.log(1 - enter))
    frames = turns(some, 1 + slowest + dwell_s + 3 / fps, fps)
    states = States(**settings)  # type: ignore[arg-type]  # the background is no number
    play(states, [*before, *frames])
    assert states.state == (None if label == "background" else label)
    assert label == "background" or states.evidence[label].share >= enter


@given(FRAMES, st.sampled_from([0.0, 0.05, 0.5, 3.0]))
def test_evidence_is_that_of_the_plain_recurrence(frames: list[Frame], smoothing_s: float) -> None:
    states = States(smoothing_s=smoothing_s)
    share, score, known = (dict.fromkeys(LABELS, 0.0) for _ in range(3))
    at = 0.0
    for index, (seconds, prediction) in enumerate(frames):
        at += seconds if index else 0
        label = None if prediction.unknown else prediction.label
        for one in LABELS:
            slower = UNSURE_PATIENCE if one == states.state == prediction.rival else 1
            weight = 1 - math.exp(-seconds / smoothing_s / slower) if index and smoothing_s else 1.0
            for sums, value in ((share, 1.0), (score, prediction.score), (known, prediction.known)):
                sums[one] = (1 - weight) * sums[one] + weight * (value if one == label else 0.0)
        states.update(prediction, at=at)
        for one in LABELS:
            evidence = states.evidence.get(one, Evidence())
            assert -1e-9 <= share[one] - evidence.share <= NEGLIGIBLE + 1e-9
            if evidence.share > 0.1:  # above it, what was dropped as negligible does not matter
                assert evidence.score == pytest.approx(score[one] / share[one], abs=0.02)
                assert evidence.known == pytest.approx(known[one] / share[one], abs=0.02)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.floats(2, 6)), min_size=1, max_size=6),
    st.sampled_from([3.0, 7.5, 10.0]),
    st.sampled_from([24.0, 30.0, 120.0, 300.0]),
)
def test_the_frame_rate_does_not_matter(parts: list[tuple[str | None, float]], slow: float, fast: float) -> None:
    def sampled(fps: float) -> list[Transition]:
        states, reported, index = States(), [], 0
        end = 0.0
        for label, seconds in parts:
            end += seconds
            while index / fps < end:
                reported.append(states.update(NOTHING if label is None else seen(label), at=index / fps))
                index += 1
        return [transition for transition in reported if transition is not None]

    coarse, fine = sampled(slow), sampled(fast)
    assert labels(coarse) == labels(fine)
    for one, other in zip(coarse, fine, strict=True):
        assert abs(one.since - other.since) <= 1 / slow + 1 / fast
        assert abs((one.at - one.since) - (other.at - other.since)) <= 1 / slow + 1e-9


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), PREDICTIONS), max_size=60))
def test_times_that_repeat_or_go_back_break_nothing(frames: list[Frame]) -> None:
    states = States()
    for at, prediction in [*frames, *((at, seen("a")) for at, _ in frames)]:
        transition = states.update(prediction, at=at)
        assert all(0 <= number <= 1 for one in states.evidence.values() for number in one)
        if transition is not None:
            assert transition.at - transition.since >= 0.5
    now = frames[-1][0] if frames else 0.0
    for index in range(200):
        states.update(seen("b"), at=now - 500 + index / 20)
    assert states.state == "b"


def test_evidence_from_before_a_step_back_in_time_does_not_count() -> None:
    states = States(smoothing_s=0, dwell_s=0.5)
    for at in (10.0, 10.4, 3.0, 3.4):
        assert states.update(seen("a", 1.0), at=at) is None
    reported = states.update(seen("a", 1.0), at=3.5)
    assert reported == Transition("entered", "a", None, 1.0, 0.8, 3.5, 3.0, 3)


def test_labels_that_come_and_go_do_not_pile_up() -> None:
    states = States()
    for index in range(1_000):
        states.update(seen(f"label {index}", cup=0.05), at=index / 30)
        assert len(states.evidence) < 150
    for index in range(1_000):
        states.update(seen(f"{index}"), at=3000.0)
    assert len(states.evidence) < 150
