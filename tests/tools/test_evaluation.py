"""Metrics are what the textbooks say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_cls.errors import DatasetError, ModelError
from edge_cls.model_file import ModelFile, read_model, write_model
from edge_cls_tools.dataset import photos_of
from edge_cls_tools.confidence import expected_calibration_error
from edge_cls_tools.evaluation import evaluate, summarize
from tests.colors import write_colors

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"


def test_the_metrics_of_a_small_example() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]], np.float32)
    result = summarize("m", ("a", "b", "c"), probabilities, np.array([0, 1, 1, 2]), left_out=3)
    assert (result.photos, result.left_out, result.accuracy, result.top5_accuracy) == (4, 3, 0.75, 1.0)
    assert result.confusion == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert (result.classes["a"].precision, result.classes["a"].recall) == (0.5, 1.0)
    assert (result.classes["b"].precision, result.classes["b"].recall) == (1.0, 0.5)
    assert result.classes["b"].f1 == pytest.approx(2 / 3)
    assert result.classes["b"].photos == 2


def test_top_5_counts_the_five_best_of_many_classes() -> None:
    probabilities = np.linspace(1, 0, 10, dtype=np.float32)[None].repeat(10, axis=0)
    result = summarize("m", tuple("abcdefghij"), probabilities, np.arange(10), left_out=0)
    assert (result.accuracy, result.top5_accuracy) == (0.1, 0.5)


def test_a_class_without_photos_and_never_predicted_has_zeros_not_a_warning() -> None:
    result = summarize("m", ("a", "b"), np.array([[1.0, 0.0]], np.float32), np.array([0]), left_out=0)
    assert (result.classes["b"].precision, result.classes["b"].recall, result.classes["b"].photos) == (0.0, 0.0, 0)


def test_calibration_error_of_the_sure_and_wrong_is_one() -> None:
    assert expected_calibration_error(np.ones(10, np.float32), np.zeros(10, bool)) == pytest.approx(1.0)


def test_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5], np.float32)
    correct = np.array([1, 1, 1, 0, 1, 0], bool)
    assert expected_calibration_error(confidence, correct) == pytest.approx(4 / 6 * 0.15)


@given(arrays(np.float32, st.integers(1, 50), elements=st.floats(0, 1, width=32)), st.randoms(use_true_random=False))
def test_calibration_error_is_a_share(confidence: np.ndarray, random: object) -> None:
    correct = np.array([random.random() < 0.5 for _ in confidence])  # type: ignore[attr-defined]
    assert -1e-6 <= expected_calibration_error(confidence, correct) <= 1 + 1e-6


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    write_colors(tmp_path / "colors", count=6)
    return tmp_path / "colors"


def test_photos_that_the_model_has_learnt_from_are_left_out(colors: Path, tmp_path: Path) -> None:
    original = read_model(TINY)
    photos = photos_of(colors, original.labels)
    seen = frozenset(photo.digest[:4] for photo in photos[:5])
    model = ModelFile(tmp_path / "m.tflite", original.network, original.manifest, original.labels, seen)
    write_model(model)
    result = evaluate(model.path, colors, advance=lambda _: None)
    assert (result.photos, result.left_out, result.accuracy) == (13, 5, 1.0)
    write_model(
        ModelFile(model.path, model.network, model.manifest, model.labels, frozenset(p.digest[:4] for p in photos))
    )
    with pytest.raises(DatasetError, match="trained on all 18 photos"):
        evaluate(model.path, colors, advance=lambda _: None)


def test_a_backbone_alone_cannot_be_evaluated(colors: Path) -> None:
    network = Path(__file__).parents[2] / "models" / "edge-embed.tflite"
    with pytest.raises(ModelError, match="has no classes of its own"):
        evaluate(network, colors, advance=lambda _: None)


def test_the_report_is_json_all_through() -> None:
    from dataclasses import asdict

    result = summarize("m", ("a", "b"), np.array([[0.7, 0.3]], np.float32), np.array([1]), left_out=0)
    assert json.loads(json.dumps(asdict(result)))["confusion"] == [[0, 0], [1, 0]]
