"""Paired comparison against published numbers, and of models with the same classes in another order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import DatasetError, ModelError
from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.evaluation.comparison import compare, difference_interval, differing, mcnemar, predict_missing
from edge_cls_tools.evaluation.predictions import Predictions, photos_for, predict
from tests.colors import write_colors


def test_mcnemar_of_six_photos_is_a_row_of_coin_tosses() -> None:
    """Five of six, or more, or as few: 2 (C(6,5) + C(6,6)) / 2^6."""
    assert mcnemar(1, 5) == pytest.approx(14 / 64)
    assert mcnemar(5, 1) == pytest.approx(14 / 64)
    assert mcnemar(3, 3) == mcnemar(0, 0) == 1.0
    assert mcnemar(0, 10) == pytest.approx(2 / 1024)


def test_mcnemar_of_the_prime_ministers_approval() -> None:
    """Agresti, Categorical Data Analysis: 150 against 86 of 1600 gives z^2 = 17.36, p = 3e-5 by the normal law."""
    assert mcnemar(150, 86) == pytest.approx(3.7e-5, rel=0.1)
    low, high = difference_interval(150, 86, 1600)
    # The book's Wald interval is 0.04 +- 1.96 * 0.0095; half a photo in each cell moves it little.
    assert (low, high) == pytest.approx((0.0213, 0.0587), abs=5e-4)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 100))
def test_the_interval_contains_the_difference_and_is_negated_with_the_models_swapped(
    first: int, second: int, same: int
) -> None:
    photos = max(1, first + second + same)
    low, high = difference_interval(first, second, photos)
    assert -1 <= low < high <= 1
    # With half a photo in each cell the centre moves towards 0, so that 1 of 1 may be outside.
    assert low <= (first - second) / (photos + 2) <= high
    assert difference_interval(second, first, photos) == pytest.approx((-high, -low))


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    write_colors(tmp_path / "colors", count=4)
    return tmp_path / "colors"


@pytest.fixture
def model(tiny: Path) -> Model:
    """The tiny model, without the hashes of its training photos."""
    return Model(replace(read_model(tiny), trained_on=frozenset()))


def test_labels_are_matched_by_name(model: Model, colors: Path) -> None:
    predictions = predict(model, photos_for(model, colors), advance=lambda _: None)
    # The same network, which reports blue as green, green as red, and red as blue.
    turned = replace(model.file, path=Path("turned.tflite"), labels=(*model.labels[1:], model.labels[0]))
    result = compare(predict_missing(Model(turned), predictions, advance=lambda _: None))
    assert (result.photos, result.accuracy, result.other_accuracy) == (12, 1.0, 0.0)
    assert (result.both_right, result.only_model, result.only_other, result.both_wrong) == (0, 12, 0, 0)
    assert result.difference == 1.0
    assert result.p_value == pytest.approx(2 / 2**12)
    same = compare(predict_missing(model, predictions, advance=lambda _: None))
    assert (same.difference, same.p_value, same.both_right) == (0.0, 1.0, 12)


def test_a_model_with_other_classes_is_refused(model: Model, colors: Path) -> None:
    predictions = predict(model, photos_for(model, colors), advance=lambda _: None)
    other = Model(replace(model.file, path=Path("other.tflite"), labels=("blue", "green", "pink")))
    with pytest.raises(ModelError, match=r"only .*tiny.tflite has red and only other.tflite has pink"):
        predict_missing(other, predictions, advance=lambda _: None)


def test_photos_that_the_other_model_was_trained_on_do_not_count(model: Model, colors: Path) -> None:
    predictions = predict(model, photos_for(model, colors), advance=lambda _: None)
    seen = frozenset(photo.digest[:4] for photo in predictions.photos[:5])
    pair = predict_missing(Model(replace(model.file, trained_on=seen)), predictions, advance=lambda _: None)
    assert (compare(pair).photos, compare(pair).left_out) == (7, 5)
    assert pair.first.photos == pair.second.photos == predictions.photos[5:]
    assert (pair.first.probabilities == pair.second.probabilities).all()
    everything = frozenset(photo.digest[:4] for photo in predictions.photos)
    with pytest.raises(DatasetError, match="trained on all 12 photos"):
        predict_missing(Model(replace(model.file, trained_on=everything)), predictions, advance=lambda _: None)


def test_the_photos_that_differ_begin_with_the_most_confident_error(model: Model, colors: Path) -> None:
    photos = tuple(photos_for(model, colors))[:4]  # four of blue, class 0
    ours = np.array([[0.9, 0.1, 0], [0.9, 0.1, 0], [0.2, 0.8, 0], [0.4, 0.6, 0]], np.float32)
    theirs = np.array([[0.3, 0.7, 0], [0.9, 0.1, 0], [0.9, 0.1, 0], [0.1, 0.9, 0]], np.float32)
    pair = replace(
        predict_missing(model, Predictions(model, photos, ours), advance=lambda _: None),
        first=Predictions(model, photos, ours),
    )
    pair = replace(pair, second=Predictions(model, photos, theirs))
    assert differing(pair).tolist() == [2, 0]
