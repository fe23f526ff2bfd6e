"""Model selection on the validation photos: the new candidate is chosen only if it is significantly better."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_cls_tools.training.model_selection import Score, significantly_better

losses = st.lists(st.floats(0, 5), min_size=1, max_size=30).map(np.array)


@given(losses)
def test_a_candidate_is_not_better_than_itself(values: np.ndarray) -> None:
    assert not significantly_better(Score(0.8, values), Score(0.8, values))


@given(losses, losses)
def test_two_candidates_are_not_both_better_than_the_other(new: np.ndarray, old: np.ndarray) -> None:
    count = min(len(new), len(old))
    a, b = Score(0.8, new[:count]), Score(0.8, old[:count])
    assert not (significantly_better(a, b) and significantly_better(b, a))


def test_a_gain_on_most_photos_is_significant_and_a_gain_on_one_photo_is_not() -> None:
    old = np.full(50, 1.0)
    rng = np.random.default_rng(0)
    assert significantly_better(Score(0.8, old - rng.normal(0.2, 0.5, 50)), Score(0.8, old))
    lucky = old.copy()
    lucky[0] = 0.1
    assert not significantly_better(Score(0.82, lucky), Score(0.8, old))


def test_a_lower_loss_does_not_make_up_for_more_mistakes() -> None:
    old = np.full(50, 1.0)
    assert not significantly_better(Score(0.78, old - 0.5), Score(0.8, old))
