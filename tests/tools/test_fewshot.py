"""Few-shot accuracy equals a brute-force count, on trials that depend on the seed only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import DatasetError
from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.evaluation.embedded_set import DeviceModel, EmbeddedSet, as_stored, embed_set
from edge_cls_tools.evaluation.fewshot import NAMES, FewShot, draw_trials, few_shot, margins
from tests import toy_model
from tests.colors import write_colors
from tests.commands import EdgeCls

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"


def clusters(spread: float, classes: int = 12, photos: int = 30) -> EmbeddedSet:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), photos)
    embeddings = np.eye(classes)[labels] + rng.normal(0, spread, (len(labels), classes))
    return EmbeddedSet("clusters", as_stored(embeddings.astype(np.float32)), labels)


def test_well_separated_classes_are_always_distinguished() -> None:
    result = few_shot(clusters(0.01), ways=10, shots=1, heads=["knn"], trials=5)[0]
    assert (result.accuracy, result.ci95, result.ways, result.trials) == (1.0, 0.0, 10, 5)


@pytest.mark.parametrize("trials", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_noise_has_the_accuracy_of_a_guess(trials: int) -> None:
    data = clusters(0.0)
    noise = as_stored(np.random.default_rng(1).normal(size=(len(data.labels), 12)).astype(np.float32))
    result = few_shot(EmbeddedSet("noise", noise, data.labels), ways=10, shots=5, heads=["knn"], trials=trials)[0]
    assert abs(result.accuracy - 0.1) < 0.03
    assert 0 < result.ci95 < 0.02


def test_the_same_seed_draws_the_same_trials() -> None:
    data = clusters(0.6)
    first = few_shot(data, ways=5, shots=3, heads=["knn"], trials=10, seed=1)
    assert few_shot(data, ways=5, shots=3, heads=["knn"], trials=10, seed=1) == first
    assert few_shot(data, ways=5, shots=3, heads=["knn"], trials=10, seed=2)[0].accuracy != first[0].accuracy


@pytest.mark.parametrize("trials", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_more_examples_help(trials: int) -> None:
    one, twenty = (
        few_shot(clusters(0.4), ways=10, shots=shots, heads=["knn"], trials=trials)[0].accuracy for shots in (1, 20)
    )
    assert twenty > one + 0.1


def test_too_few_photos_are_reported() -> None:
    with pytest.raises(DatasetError, match="has 0 classes with more than 30 photos"):
        few_shot(clusters(0.1), ways=10, shots=30, heads=["knn"], trials=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--shots", "1,zero"],
            "--shots 1,zero is not a list of numbers of at least 1; use, for example, --shots 1,5",
        ),
        (["--shots", "0"], "--shots 0 is not a list of numbers of at least 1; use, for example, --shots 1,5"),
        (["--head", "auto,knn7"], f"--head auto,knn7 has the unknown name 'knn7'; use names of {', '.join(NAMES)}"),
    ],
)
def test_a_mistyped_list_is_one_line(edge_cls: EdgeCls, arguments: list[str], message: str) -> None:
    done = edge_cls("fewshot", str(TINY), "photos", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (78, "", f"error: {message}\n")


def test_the_command_prints_a_line_for_each_result_and_the_margins(tmp_path: Path, edge_cls: EdgeCls) -> None:
    write_colors(tmp_path / "colors", count=8)
    arguments = ("--shots", "2", "--trials", "3", "--head", "auto,knn,knn3")
    done = edge_cls("fewshot", str(TINY), str(tmp_path / "colors"), *arguments)
    lines = done.stdout.splitlines()
    assert [line.split(": ")[1] for line in lines[:3]] == [f"3-way 2-shot, {head}" for head in ("auto", "knn", "knn3")]
    assert lines[3].startswith("colors, 10-way 2-shot: auto ")
    assert lines[3].endswith(" to knn3")


@pytest.mark.usefixtures("default_backbone")
def test_without_a_model_the_default_is_measured(tmp_path: Path, edge_cls: EdgeCls) -> None:
    write_colors(tmp_path / "colors", count=4)
    arguments = (str(tmp_path / "colors"), "--shots", "1", "--trials", "2")
    by_default, named = edge_cls("fewshot", *arguments), edge_cls("fewshot", "lite0-160", *arguments)
    assert by_default.stdout == named.stdout
    assert by_default.stdout.startswith("colors: 3-way 1-shot, auto: ")
    alone = edge_cls("fewshot", "builtin")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "give at least one FOLDER after the MODEL" in alone.stderr


def test_the_command_prints_json(tmp_path: Path, edge_cls: EdgeCls) -> None:
    write_colors(tmp_path / "colors", count=8)
    done = edge_cls(
        "fewshot", str(TINY), str(tmp_path / "colors"), "--shots", "1,5", "--trials", "3", "--head", "knn", "--json"
    )
    results = json.loads(done.stdout)["results"]
    assert [(one["set"], one["ways"], one["shots"], one["head"], one["trials"]) for one in results] == [
        ("colors", 3, 1, "knn", 3),
        ("colors", 3, 5, "knn", 3),
    ]
    assert results[1]["accuracy"] > 0.9


def test_the_single_output_of_a_bare_model_is_an_embedding_whatever_its_name_and_shape(tmp_path: Path) -> None:
    write_colors(tmp_path / "colors", count=4)
    model = Model(read_model(toy_model.write_mean_color(tmp_path / "mean.tflite")))
    assert [(output.name, output.shape) for output in model.outputs] == [("pixels", (1, 1, 1, 3))]
    embedded = embed_set(DeviceModel(model.file), tmp_path / "colors", advance=lambda _: None)
    assert [vector.values.shape for vector in embedded.embeddings] == [(3,)] * 12
    assert few_shot(embedded, ways=3, shots=1, heads=["knn"], trials=5)[0].accuracy > 0.9


def test_corals_published_extractor_distinguishes_photos(shared: Path, tmp_path: Path) -> None:
    for label in ("roses", "sunflowers"):
        (tmp_path / "flowers" / label).mkdir(parents=True)
        for photo in sorted((shared / "data" / "flowers5" / label).iterdir())[:12]:
            (tmp_path / "flowers" / label / photo.name).symlink_to(photo.resolve())
    file = read_model(shared / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite")
    embedded = embed_set(DeviceModel(file), tmp_path / "flowers", advance=lambda _: None)
    assert [vector.values.shape for vector in embedded.embeddings] == [(1024,)] * 24
    assert few_shot(embedded, ways=2, shots=5, heads=["knn"], trials=20)[0].accuracy > 0.7


def test_every_head_is_measured_on_the_same_trials_and_auto_counts_its_choices() -> None:
    data = clusters(0.4)
    results = few_shot(data, ways=5, shots=3, heads=NAMES, trials=4)
    assert [one.head for one in results] == list(NAMES)
    assert few_shot(data, ways=5, shots=3, heads=["ridge"], trials=4)[0] == results[NAMES.index("ridge")]
    chosen = results[0].chosen
    assert chosen is not None
    assert sum(chosen.values()) == 4
    assert results[1].chosen is None


def test_the_trials_of_a_seed_never_change() -> None:
    """The draw depends on the seed, the shots and the number of the trial only."""
    data = clusters(0.1)
    trial = next(draw_trials(data, ways=3, shots=2, trials=1, seed=4))
    rng = np.random.default_rng([4, 2, 0])
    classes = [np.flatnonzero(data.labels == label) for label in range(12)]
    drawn = [rng.permutation(classes[i]) for i in rng.choice(12, 3, replace=False)]
    assert trial.taught == [(label, photos[shot]) for shot in range(2) for label, photos in enumerate(drawn)]
    assert trial.queries == [(label, photo) for label, photos in enumerate(drawn) for photo in photos[2:17]]


def test_the_baseline_is_the_majority_of_three_and_a_tie_goes_to_the_nearest() -> None:
    vectors = np.array([[10, 0], [9, 3], [0, 10], [2, 10], [10, 1], [1, 10]], np.float32)
    data = EmbeddedSet("corners", as_stored(vectors), np.array([0, 0, 1, 1, 0, 1]))
    assert few_shot(data, ways=2, shots=2, heads=["knn3"], trials=3)[0].accuracy == 1.0
    tied = EmbeddedSet("one each", as_stored(vectors[[0, 2, 4, 5]]), np.array([0, 1, 0, 1]))
    assert few_shot(tied, ways=2, shots=1, heads=["knn3"], trials=3)[0].accuracy == 1.0


def test_margins_are_differences_on_each_set_and_on_average() -> None:
    def result(name: str, head: str, accuracy: float) -> FewShot:
        return FewShot(name, 4, 5, 1, head, accuracy, 0.0, 1)

    rows = margins(
        [result(*row) for row in [("a", "auto", 0.8), ("a", "ridge", 0.7), ("a", "knn", 0.75), ("a", "knn3", 0.5)]]
        + [result("b", "auto", 0.5), result("b", "ridge", 0.6)]
    )
    assert [row[:3] for row in rows] == [("a", 5, 1), ("b", 5, 1), ("mean", 5, 1)]
    assert rows[0][3:] == pytest.approx((0.05, 0.3))
    assert rows[1][3] == pytest.approx(-0.1)
    assert rows[1][4] is None
    assert rows[2][3:] == pytest.approx((-0.025, 0.3))
