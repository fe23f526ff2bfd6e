"""Few-shot accuracy is what a brute-force count gives, on trials that depend on the seed alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import DatasetError
from edge_cls.model import Model
from edge_cls.model_file import read_model
from edge_cls_tools.evaluation.fewshot import (
    DeviceModel,
    EmbeddedSet,
    as_stored,
    embed_set,
    few_shot,
)
from tests import toy_model
from tests.colors import write_colors
from tests.commands import EdgeCls

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"


def clusters(spread: float, classes: int = 12, photos: int = 30) -> EmbeddedSet:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), photos)
    embeddings = np.eye(classes)[labels] + rng.normal(0, spread, (len(labels), classes))
    return EmbeddedSet("clusters", as_stored(embeddings.astype(np.float32)), labels)


def test_classes_far_apart_are_always_told_apart() -> None:
    result = few_shot(clusters(0.01), ways=10, shots=1, heads=["knn"], trials=5)
    assert (result.accuracy, result.ci95, result.ways, result.trials) == (1.0, 0.0, 10, 5)


def test_noise_is_guessed() -> None:
    data = clusters(0.0)
    noise = as_stored(np.random.default_rng(1).normal(size=(len(data.labels), 12)).astype(np.float32))
    result = few_shot(EmbeddedSet("noise", noise, data.labels), ways=10, shots=5, heads=["knn"], trials=50)
    assert abs(result.accuracy - 0.1) < 0.03
    assert 0 < result.ci95 < 0.02


def test_the_same_seed_draws_the_same_trials() -> None:
    data = clusters(0.6)
    first = few_shot(data, ways=5, shots=3, heads=["knn"], trials=10, seed=1)
    assert few_shot(data, ways=5, shots=3, heads=["knn"], trials=10, seed=1) == first
    assert few_shot(data, ways=5, shots=3, heads=["knn"], trials=10, seed=2).accuracy != first.accuracy


def test_more_examples_help() -> None:
    one, twenty = (few_shot(clusters(0.4), ways=10, shots=n, heads=["knn"], trials=30).accuracy for n in (1, 20))
    assert twenty > one + 0.1


def test_too_few_photos_are_said() -> None:
    with pytest.raises(DatasetError, match="has 0 classes with more than 30 photos"):
        few_shot(clusters(0.1), ways=10, shots=30, heads=["knn"], trials=1)


def test_the_command_prints_json(tmp_path: Path, edge_cls: EdgeCls) -> None:
    write_colors(tmp_path / "colors", count=8)
    done = edge_cls("fewshot", str(TINY), str(tmp_path / "colors"), "--shots", "1,5", "--trials", "3", "--json")
    results = json.loads(done.stdout)
    assert [(one["set"], one["ways"], one["shots"], one["head"], one["trials"]) for one in results] == [
        ("colors", 3, 1, "knn", 3),
        ("colors", 3, 5, "knn", 3),
    ]
    assert results[1]["accuracy"] > 0.9


def test_the_single_output_of_a_bare_model_is_an_embedding_whatever_its_name_and_shape(tmp_path: Path) -> None:
    write_colors(tmp_path / "colors", count=4)
    model = Model(read_model(toy_model.write_mean_color(tmp_path / "mean.tflite")))
    assert [(output.name, output.shape) for output in model.outputs] == [("pixels", (1, 1, 1, 3))]
    embedded = embed_set(DeviceModel(model), tmp_path / "colors", advance=lambda _: None)
    assert embedded.embeddings.shape == (12, 3)
    assert few_shot(embedded, ways=3, shots=1, heads=["knn"], trials=5).accuracy > 0.9


def test_corals_published_extractor_tells_photos_apart(shared: Path, tmp_path: Path) -> None:
    for label in ("roses", "sunflowers"):
        (tmp_path / "flowers" / label).mkdir(parents=True)
        for photo in sorted((shared / "data" / "flowers5" / label).iterdir())[:12]:
            (tmp_path / "flowers" / label / photo.name).symlink_to(photo.resolve())
    model = Model(read_model(shared / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"))
    embedded = embed_set(DeviceModel(model), tmp_path / "flowers", advance=lambda _: None)
    assert embedded.embeddings.shape == (24, 1024)
    assert few_shot(embedded, ways=2, shots=5, heads=["knn"], trials=20).accuracy > 0.7
