"""Which of two the validation photos pick: the new one only where it is clearly better."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_cls_tools.training.model_selection import Score, clearly_better

losses = st.lists(st.floats(0, 5), min_size=1, max_size=30).map(np.array)


@given(losses)
def test_never_a_twin(values: np.ndarray) -> None:
    assert not clearly_better(Score(0.8, values), Score(0.8, values))


@given(losses, losses)
def test_never_both_ways(new: np.ndarray, old: np.ndarray) -> None:
    count = min(len(new), len(old))
    a, b = Score(0.8, new[:count]), Score(0.8, old[:count])
    assert not (clearly_better(a, b) and clearly_better(b, a))


def test_a_gain_on_most_photos_is_one_and_a_gain_on_one_photo_is_chance() -> None:
    old = np.full(50, 1.0)
    rng = np.random.default_rng(0)
    assert clearly_better(Score(0.8, old - rng.normal(0.2, 0.5, 50)), Score(0.8, old))
    lucky = old.copy()
    lucky[0] = 0.1
    assert not clearly_better(Score(0.82, lucky), Score(0.8, old))


def test_a_lower_loss_does_not_make_up_for_more_mistakes() -> None:
    old = np.full(50, 1.0)
    assert not clearly_better(Score(0.78, old - 0.5), Score(0.8, old))
