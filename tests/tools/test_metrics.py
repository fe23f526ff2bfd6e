"""Metrics equal those of textbooks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_cls.core.manifest import Manifest, Preprocessing
from edge_cls.errors import DatasetError, LabelError, ModelError
from edge_cls.model.file import ModelFile, read_model, write_model
from edge_cls_tools.dataset.loading import photos_of
from edge_cls_tools.evaluation.metrics import evaluate, summarize
from edge_cls_tools.evaluation.reliability import CoveragePoint
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


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    write_colors(tmp_path / "colors", count=6)
    return tmp_path / "colors"


def test_photos_that_the_model_was_trained_on_are_left_out(colors: Path, tmp_path: Path) -> None:
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
    with pytest.raises(ModelError, match="has no classes"):
        evaluate(network, colors, advance=lambda _: None)


def test_the_temperature_is_reported_with_the_calibration_error_before_it() -> None:
    """Three of four are correct at 0.8; without temperature 2 the confidence of 0.94 was less calibrated."""
    probabilities = np.array([[0.8, 0.2]] * 4, np.float32)
    manifest = Manifest("m", "none", Preprocessing(8, 8), "a test", temperature=2.0, unknown_below=0.9)
    result = summarize("m", ("a", "b"), probabilities, np.array([0, 0, 0, 1]), left_out=0, manifest=manifest)
    assert result.temperature == 2.0
    assert result.expected_calibration_error == pytest.approx(0.05, abs=1e-6)
    assert result.uncalibrated_calibration_error == pytest.approx(16 / 17 - 0.75, abs=1e-6)
    assert result.known == CoveragePoint(0.9, 0.0, None)


def test_the_interval_of_the_accuracy_is_wilsons() -> None:
    """Nine of ten: 0.596 to 0.982 by Wilson's formula."""
    probabilities = np.array([[0.8, 0.2]] * 10, np.float32)
    result = summarize("m", ("a", "b"), probabilities, np.array([0] * 9 + [1]), left_out=0)
    z2 = 1.959964**2
    centre, half = (0.9 + z2 / 20) / (1 + z2 / 10), (z2 * (0.09 / 10 + z2 / 400)) ** 0.5 / (1 + z2 / 10)
    assert result.accuracy_ci95 == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert result.uncalibrated_calibration_error == result.expected_calibration_error


def test_a_class_that_the_model_has_twice_cannot_be_measured(colors: Path, tmp_path: Path) -> None:
    original = read_model(TINY)
    write_model(ModelFile(tmp_path / "m.tflite", original.network, original.manifest, ("blue", "red", "red")))
    (colors / "green").rename(tmp_path / "green")
    with pytest.raises(LabelError, match=r"m.tflite has more than one class called red; give them different labels"):
        evaluate(tmp_path / "m.tflite", colors, advance=lambda _: None)


def test_an_evaluation_has_only_values_of_json() -> None:
    from dataclasses import asdict

    result = summarize("m", ("a", "b"), np.array([[0.7, 0.3]], np.float32), np.array([1]), left_out=0)
    assert json.loads(json.dumps(asdict(result)))["confusion"] == [[0, 0], [1, 0]]
