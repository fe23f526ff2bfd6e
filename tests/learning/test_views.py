"""Views: frames of an object that stands still show one, an object that is turned shows several."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.learning.views import COMPARED, DIFFERENT, count_views, nearest_distances, sample

UNKNOWN_DISTANCE = 0.8


def units_at(angles: list[float], noise: float = 0.0) -> NDArray[np.float32]:
    """Return unit vectors at `angles` of a plane, in degrees, each with noise in other dimensions."""
    turned = np.radians(np.array(angles))
    rows = np.zeros((len(angles), 2 + len(angles)), np.float32)
    rows[:, 0], rows[:, 1] = np.cos(turned), np.sin(turned)
    rows[np.arange(len(angles)), 2 + np.arange(len(angles))] = noise
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_noise_makes_no_views_but_turning_does() -> None:
    assert count_views(units_at([0.0] * 12, noise=0.2), UNKNOWN_DISTANCE) == 1
    assert count_views(units_at([0.0, 20.0, 40.0, 60.0, 80.0]), UNKNOWN_DISTANCE) == 5
    assert count_views(units_at([0.0]), UNKNOWN_DISTANCE) == 1
    assert count_views(units_at([0.0, 1.0, 60.0, 61.0]), UNKNOWN_DISTANCE) == 2


def test_a_slow_turn_shows_as_many_views_as_differ_from_each_other() -> None:
    """Frames that each resemble the one before do not become one view."""
    slow = units_at([2.0 * step for step in range(60)])
    apart = np.degrees(np.arccos(1 - DIFFERENT * UNKNOWN_DISTANCE))
    assert count_views(slow, UNKNOWN_DISTANCE) == pytest.approx(120 / apart, abs=1)


@given(st.lists(st.floats(0, 180), min_size=1, max_size=12), st.floats(0, 180))
def test_a_copy_adds_no_view_and_no_count_exceeds_the_examples(angles: list[float], turn: float) -> None:
    views = count_views(units_at(angles), UNKNOWN_DISTANCE)
    assert 1 <= views <= len(angles)
    turned = [angle + turn for angle in angles]
    assert count_views(units_at(turned), UNKNOWN_DISTANCE) == pytest.approx(views, abs=1)


def test_the_nearest_distance_is_that_of_the_others_or_infinite() -> None:
    units = units_at([0.0, 60.0, 90.0])
    np.testing.assert_allclose(
        nearest_distances(units), [0.5, 1 - np.sqrt(0.75), 1 - np.sqrt(0.75)], rtol=1e-4
    )  # fmt: skip
    np.testing.assert_allclose(nearest_distances(units, units[:1]), [0.0, 0.5, 1.0], atol=1e-6)
    assert nearest_distances(units[:1]).tolist() == [np.inf]


def test_a_sample_is_spread_evenly_from_first_to_last() -> None:
    few, many = np.arange(COMPARED), np.arange(10 * COMPARED)
    assert sample(few) is few
    assert (sample(many)[0], sample(many)[-1], len(sample(many))) == (0, len(many) - 1, COMPARED)
    assert np.ptp(np.diff(sample(many))) <= 1
