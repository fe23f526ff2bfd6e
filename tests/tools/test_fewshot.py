"""Few-shot accuracy is what a brute-force count gives, on trials that depend on the seed alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import DatasetError
from edge_cls_tools.fewshot import EmbeddedSet, few_shot
from tests.colors import write_colors

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"


def clusters(spread: float, classes: int = 12, photos: int = 30) -> EmbeddedSet:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), photos)
    embeddings = np.eye(classes)[labels] + rng.normal(0, spread, (len(labels), classes))
    return EmbeddedSet("clusters", embeddings.astype(np.float32), labels)


def test_classes_far_apart_are_always_told_apart() -> None:
    result = few_shot(clusters(0.01), ways=10, shots=1, head="knn", trials=5)
    assert (result.accuracy, result.ci95, result.ways, result.trials) == (1.0, 0.0, 10, 5)


def test_noise_is_guessed() -> None:
    data = clusters(0.0)
    noise = np.random.default_rng(1).normal(size=data.embeddings.shape).astype(np.float32)
    result = few_shot(EmbeddedSet("noise", noise, data.labels), ways=10, shots=5, head="knn", trials=50)
    assert abs(result.accuracy - 0.1) < 0.03
    assert 0 < result.ci95 < 0.02


def test_the_same_seed_draws_the_same_trials() -> None:
    data = clusters(0.6)
    first = few_shot(data, ways=5, shots=3, head="knn", trials=10, seed=1)
    assert few_shot(data, ways=5, shots=3, head="knn", trials=10, seed=1) == first
    assert few_shot(data, ways=5, shots=3, head="knn", trials=10, seed=2).accuracy != first.accuracy


def test_more_examples_help() -> None:
    one, twenty = (few_shot(clusters(0.4), ways=10, shots=n, head="knn", trials=30).accuracy for n in (1, 20))
    assert twenty > one + 0.1


def test_too_few_photos_are_said() -> None:
    with pytest.raises(DatasetError, match="has 0 classes with more than 30 photos"):
        few_shot(clusters(0.1), ways=10, shots=30, head="knn", trials=1)


def test_the_command_prints_json(tmp_path: Path) -> None:
    write_colors(tmp_path / "colors", count=8)
    command = [str(Path(sys.executable).with_name("edge-cls")), "fewshot", str(TINY), str(tmp_path / "colors")]
    done = subprocess.run(
        [*command, "--shots", "1,5", "--trials", "3", "--json"], capture_output=True, text=True, check=True
    )
    results = json.loads(done.stdout)
    assert [(one["set"], one["ways"], one["shots"], one["head"], one["trials"]) for one in results] == [
        ("colors", 3, 1, "knn", 3),
        ("colors", 3, 5, "knn", 3),
    ]
    assert results[1]["accuracy"] > 0.9
