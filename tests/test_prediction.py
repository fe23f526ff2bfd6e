"""What a prediction says about its classes: known, unknown, or between two of them."""

from __future__ import annotations

from typing import Any

import pytest

from edge_cls.prediction import Prediction, Score


def between(best: float, second: float, **others: Any) -> Prediction:
    return Prediction((Score("mug", best), Score("cup", second)), **others)


@pytest.mark.parametrize(
    ("prediction", "rival"),
    [
        (between(0.6, 0.3, known=0.5), "cup"),
        (between(0.5, 0.5, known=1.0), "cup"),
        (between(0.6, 0.299, known=0.9), None),
        (between(0.5, 0.5, known=0.499), None),
        (between(0.5, 0.5, value=3.5), None),
        (Prediction((Score("mug", 1.0),)), None),
        (Prediction((), known=0.0), None),
    ],
)
def test_a_frame_is_unsure_if_it_is_known_and_the_second_class_is_half_as_probable(
    prediction: Prediction, rival: str | None
) -> None:
    assert (prediction.rival, prediction.unsure) == (rival, rival is not None)


@pytest.mark.parametrize(("known", "unknown"), [(0.0, True), (0.499, True), (0.5, False), (1.0, False)])
def test_a_frame_is_unknown_below_a_known_of_half(known: float, unknown: bool) -> None:
    assert between(0.9, 0.1, known=known).unknown is unknown
