"""Open-set rejection equals a brute-force count, on trials that depend on the seed only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import DatasetError
from edge_cls_tools.evaluation.fewshot import EmbeddedSet, as_stored
from edge_cls_tools.evaluation.open_set import auroc, measure_open_set
from tests.colors import write_colors
from tests.commands import EdgeCls

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"
TRIALS = (4, pytest.param(20, marks=pytest.mark.slow))
SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=20)


def clusters(spread: float, classes: int = 20, photos: int = 20) -> EmbeddedSet:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), photos)
    embeddings = rng.normal(0, 1, (classes, 32))[labels] + rng.normal(0, spread, (len(labels), 32))
    return EmbeddedSet("clusters", as_stored(embeddings.astype(np.float32)), labels)


@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_order(high: list[int], low: list[int]) -> None:
    pairs = [(one > other) + (one == other) / 2 for one in high for other in low]
    assert auroc(np.array(high, float), np.array(low, float)) == pytest.approx(np.mean(pairs))


def test_well_separated_unknown_classes_are_rejected() -> None:
    apart = measure_open_set(clusters(0.1), ways=10, shots=5, trials=2, unknown_distance=1.0)
    assert (apart.ways, apart.unknowns, apart.trials) == (10, 10, 2)
    assert apart.auroc == apart.auroc_cosine == 1.0
    assert apart.rejected < 0.01
    assert apart.accepted < 0.1


@pytest.mark.parametrize("trials", TRIALS)
def test_noise_is_a_guess(trials: int) -> None:
    data = clusters(0.0)
    noise = np.random.default_rng(1).normal(size=(len(data.labels), 32)).astype(np.float32)
    guessed = measure_open_set(
        EmbeddedSet("noise", as_stored(noise), data.labels), ways=10, shots=5, trials=trials, unknown_distance=1.0
    )
    assert guessed.auroc == pytest.approx(0.5, abs=0.04)
    assert guessed.accepted + guessed.rejected == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("trials", TRIALS)
def test_the_measured_rate_of_false_accepts_is_about_the_requested_one(trials: int) -> None:
    strict, lax = (
        measure_open_set(clusters(1.0), ways=10, shots=5, trials=trials, false_accept=rate) for rate in (0.05, 0.3)
    )
    assert 0.02 < strict.accepted < 0.09
    assert 0.15 < lax.accepted < 0.45
    assert lax.rejected < strict.rejected


def test_the_same_seed_draws_the_same_trials() -> None:
    data = clusters(1.0)
    first = measure_open_set(data, ways=5, shots=3, trials=2, seed=1)
    assert measure_open_set(data, ways=5, shots=3, trials=2, seed=1) == first
    assert measure_open_set(data, ways=5, shots=3, trials=2, seed=2).auroc != first.auroc


def test_at_most_three_fifths_of_the_classes_are_taught() -> None:
    result = measure_open_set(clusters(1.0, classes=5), ways=10, shots=5, trials=2)
    assert (result.ways, result.unknowns) == (3, 2)


def test_too_few_photos_are_reported() -> None:
    with pytest.raises(DatasetError, match="has 0 classes with more than 20 photos"):
        measure_open_set(clusters(0.1), ways=10, shots=20, trials=1)


def test_the_command_prints_json(tmp_path: Path, edge_cls: EdgeCls) -> None:
    write_colors(tmp_path / "colors", count=8)
    model = TINY
    arguments = ("--shots", "2", "--trials", "3", "--unknown", "--false-accept", "0.1")
    done = edge_cls("fewshot", str(model), str(tmp_path / "colors"), *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (result,) = json.loads(done.stdout)["results"]
    assert (result["set"], result["shots"], result["false_accept"], result["trials"]) == ("colors", 2, 0.1, 3)
    assert 0 <= result["auroc"] <= 1
    text = edge_cls("fewshot", str(model), str(tmp_path / "colors"), *arguments)
    assert "(requested 10.0%)" in text.stdout
