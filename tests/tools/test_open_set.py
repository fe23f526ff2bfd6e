"""Open-set rejection: the shares of learners whose answers are known, on trials that depend on the seed only."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.core.bank import Bank
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import DatasetError
from edge_cls.learning.learner import HeadPrediction
from edge_cls_tools.cli.open_set_text import open_set_lines
from edge_cls_tools.evaluation.embedded_set import EmbeddedSet, as_stored
from edge_cls_tools.evaluation.fewshot import Trial
from edge_cls_tools.evaluation.fewshot_job import TrialPlan, far_photos, load_embedder, measure_set
from edge_cls_tools.evaluation.open_set import (
    MAX_UNKNOWNS,
    OTHER_FOLDERS,
    LearnerOptions,
    OpenSetResult,
    auroc,
    measure_open_set,
)
from edge_cls_tools.evaluation.open_set_mean import mean_of, means_over_sets
from tests.colors import write_colors
from tests.commands import EdgeCls

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"
SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=20)


def clusters(spread: float, classes: int = 20, photos: int = 20, name: str = "clusters", seed: int = 0) -> EmbeddedSet:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), photos)
    embeddings = rng.normal(0, 1, (classes, 32))[labels] + rng.normal(0, spread, (len(labels), 32))
    return EmbeddedSet(name, as_stored(embeddings.astype(np.float32)), labels)


Answer = Callable[[QuantizedVector, str | None, list[str]], HeadPrediction]
"""Returns the prediction for a photo, given its true label (None of a far photo) and the labels that were taught."""


@dataclass(frozen=True)
class Fake(LearnerOptions):
    """Options of a learner that gives the `answer`."""

    answer: Answer = lambda *_: HeadPrediction({}, 0.0)

    def taught(self, data: EmbeddedSet, trial: Trial) -> Any:
        labels = list(dict.fromkeys(str(label) for label, _ in trial.taught))
        drawn = {data.labels[photo]: str(label) for label, photo in trial.taught}
        truth = {
            id(photo): drawn.get(label, "another class")
            for photo, label in zip(data.embeddings, data.labels, strict=True)
        }

        class Learner:
            def predict(_, photo: QuantizedVector) -> HeadPrediction:  # noqa: N805 - `self` are the options
                return self.answer(photo, truth.get(id(photo)), labels)

        return Learner()


def perfect(_: QuantizedVector, truth: str | None, labels: list[str]) -> HeadPrediction:
    return HeadPrediction({label: float(label == truth) for label in labels}, float(truth in labels))


def measured(answer: Answer, *, classes: int = 8, **options: Any) -> OpenSetResult:
    arguments: dict[str, Any] = {
        "ways": 4,
        "shots": 3,
        "trials": 3,
        "far": {"far": [clusters(0.1, name="far").embeddings]},
    } | options
    return measure_open_set(clusters(0.1, classes=classes), options=Fake(answer=answer), **arguments)


@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_order(high: list[int], low: list[int]) -> None:
    pairs = [(one > other) + (one == other) / 2 for one in high for other in low]
    assert auroc(np.array(high, float), np.array(low, float)) == pytest.approx(np.mean(pairs))


def test_a_perfect_learner() -> None:
    one = measured(perfect)
    assert (one.right, one.wrong, one.unknown, one.nearest_right) == (1.0, 0.0, 0.0, 1.0)
    assert (one.same_kind, one.auroc, one.far["far"].let_in, one.far["far"].auroc) == (0.0, 1.0, 0.0, 1.0)
    assert (one.calibration_error, one.accepted_score, one.accepted_accuracy) == (0.0, 1.0, 1.0)
    assert (one.ways, one.requested_ways, one.untaught, one.trials) == (4, 4, 4, 3)


def test_a_learner_that_always_names_the_first_class_and_is_sure_of_it() -> None:
    one = measured(lambda _, __, labels: HeadPrediction({label: float(label == labels[0]) for label in labels}, 1.0))
    assert (one.right, one.wrong, one.unknown) == pytest.approx((0.25, 0.75, 0.0))
    assert (one.same_kind, one.auroc, one.far["far"].let_in, one.far["far"].of_requested) == (1.0, 0.5, 1.0, 20.0)
    assert one.calibration_error == pytest.approx(0.75)
    assert (one.accepted_score, one.accepted_accuracy) == pytest.approx((1.0, 0.25))


def test_a_learner_that_rejects_everything_has_no_accepted_answers_but_a_nearest_class() -> None:
    one = measured(lambda *arguments: HeadPrediction(perfect(*arguments).scores, 0.49))
    assert (one.right, one.wrong, one.unknown, one.nearest_right) == (0.0, 0.0, 1.0, 1.0)
    assert (one.accepted_score, one.accepted_accuracy) == (None, None)


def test_calibrated_scores_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)

    def calibrated(_: QuantizedVector, truth: str | None, labels: list[str]) -> HeadPrediction:
        score = rng.uniform(0.5, 1.0)
        wrong = next(label for label in labels if label != truth)
        named = truth if truth in labels and rng.random() < score else wrong
        return HeadPrediction({label: score if label == named else 0.0 for label in labels}, 1.0)

    one = measured(calibrated, classes=5, trials=40, far={})
    assert one.calibration_error < 0.04
    assert one.accepted_score == pytest.approx(one.accepted_accuracy, abs=0.03)


def test_the_shares_of_the_learner_of_the_device_sum_to_one() -> None:
    for head in ("auto", "centroid"):
        one = measure_open_set(
            clusters(1.5, classes=4), ways=3, shots=2, trials=1, options=LearnerOptions(head, unknown_distance=1.0)
        )
        assert one.right + one.wrong + one.unknown == pytest.approx(1.0)
        assert one.right + one.wrong <= 1.0
        assert one.right <= one.nearest_right < 1.0
        assert (one.head, one.far) == (head, {})


def test_unknown_classes_that_lie_apart_are_recognised() -> None:
    options = LearnerOptions(unknown_distance=1.0)
    one = measure_open_set(clusters(0.1, classes=8), ways=4, shots=3, trials=1, options=options)
    assert (one.auroc, one.nearest_right) == (1.0, 1.0)
    assert one.unknown < 0.1


def test_the_same_seed_draws_the_same_trials() -> None:
    data, options = clusters(1.0, classes=4), LearnerOptions(head="knn")
    first, again, other = (
        measure_open_set(data, ways=2, shots=1, trials=1, options=options, seed=seed) for seed in (1, 1, 2)
    )
    assert again == first
    assert other.auroc != first.auroc


def test_every_folder_of_far_photos_counts_the_same() -> None:
    small, large = clusters(0.1, classes=5), clusters(0.1, classes=40)
    let_in = {id(photo) for photo in small.embeddings}
    one = measured(
        lambda photo, _, labels: HeadPrediction(dict.fromkeys(labels, 0.25), float(id(photo) in let_in)),
        far={"both": [small.embeddings, large.embeddings], "large": [large.embeddings]},
    )
    assert (one.far["both"].let_in, one.far["large"].let_in) == (0.5, 0.0)


def test_at_most_a_fixed_number_of_unknowns_is_shown() -> None:
    shown = []

    def count(photo: QuantizedVector, truth: str | None, labels: list[str]) -> HeadPrediction:
        shown.append(truth)
        return perfect(photo, truth, labels)

    measured(count, classes=40, ways=2, trials=1)
    assert {truth: shown.count(truth) for truth in set(shown)} == {
        "0": 15,
        "1": 15,
        "another class": MAX_UNKNOWNS,
        None: MAX_UNKNOWNS,
    }


def test_one_class_stays_untaught_which_is_said() -> None:
    plan = TrialPlan((2, 4, 10), (3,), 1, 0)
    asked: list[str] = []

    def answer(photo: QuantizedVector, truth: str | None, labels: list[str]) -> HeadPrediction:
        asked.append(truth or "")
        return perfect(photo, truth, labels)

    results = measure_set(clusters(0.1, classes=4), plan, Fake(answer=answer), far={})
    assert [(one.ways, one.requested_ways, one.untaught) for one in results] == [(2, 2, 2), (3, 4, 1), (3, 10, 1)]
    assert len(asked) == (2 * 15 + 2 * 15) + (3 * 15 + 15), "4 and 10 are the same trials, and measured once"
    lines = "\n".join(open_set_lines(results, means_over_sets(results)))
    for requested in (4, 10):
        assert f"3 classes were taught instead of {requested}, because one of its 4 classes" in lines
    assert "instead of 2" not in lines
    assert "no far photos were shown: give more than one folder, or --far DIR" in lines


def test_too_few_photos_are_reported() -> None:
    with pytest.raises(DatasetError, match="has 0 classes with more than 20 photos"):
        measured(perfect, shots=20)


def test_the_mean_is_that_of_the_sets_of_each_cell() -> None:
    sets = [clusters(0.1, name="a"), clusters(0.1, name="b", classes=4)]
    none = Fake(answer=lambda *arguments: HeadPrediction(perfect(*arguments).scores, 0.0))
    plan = TrialPlan((2, 5), (1,), 1, 0)
    first = measure_set(sets[0], plan, Fake(answer=perfect), far=far_photos(sets[0], sets))
    second = measure_set(sets[1], plan, none, far=far_photos(sets[1], sets))
    means = means_over_sets([*first, *second])
    assert [(one.set, one.ways, one.requested_ways, one.untaught) for one in means] == [
        ("mean", 2, 2, 2),
        ("mean", 5, 5, 1),
    ]
    assert (means[1].right, means[1].unknown, means[1].accepted_score) == (0.5, 0.5, 1.0)
    assert means[1].far[OTHER_FOLDERS].auroc == pytest.approx((1.0 + 0.5) / 2)
    assert means_over_sets(first) == []
    assert mean_of(first[:1]).right == first[0].right


def test_the_learner_has_the_bank_of_the_model_file() -> None:
    _, options = load_embedder("builtin")
    assert options.bank is not None
    assert load_embedder(str(TINY))[1].bank is None
    data = clusters(1.0, classes=4)
    alike = Bank(np.stack([photo.dequantize() for photo in data.embeddings]))
    without, banked = (
        measure_open_set(data, ways=2, shots=3, trials=1, options=LearnerOptions("knn", bank=bank))
        for bank in (None, alike)
    )
    assert banked.unknown > without.unknown, "what is in the bank is unknown"


def folders(tmp_path: Path) -> list[str]:
    write_colors(tmp_path / "colors", count=8)
    write_colors(tmp_path / "flat", count=2)
    for photo in (tmp_path / "flat").rglob("*.png"):
        photo.rename(tmp_path / "flat" / f"{photo.parent.name}-{photo.name}")
    return [str(TINY), str(tmp_path / "colors"), "--shots", "2", "--trials", "3", "--unknown"]


def test_the_command_prints_json(tmp_path: Path, edge_cls: EdgeCls) -> None:
    flat = str(tmp_path / "flat")
    done = edge_cls("fewshot", *folders(tmp_path), "--far", flat, "--ways", "2,3", "--false-accept", "0.1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    results = document["results"]
    assert [(one["ways"], one["requested_ways"], one["shots"], one["head"]) for one in results] == [
        (2, 2, 2, "auto"),
        (2, 3, 2, "auto"),
    ]
    assert (results[0]["set"], results[0]["false_accept"], results[0]["trials"]) == ("colors", 0.1, 3)
    assert results[0]["right"] + results[0]["wrong"] + results[0]["unknown"] == pytest.approx(1.0)
    assert results[0]["far"][flat]["of_requested"] == pytest.approx(10 * results[0]["far"][flat]["let_in"])
    assert document["means"] == []


def test_the_command_prints_a_table_with_the_mean(tmp_path: Path, edge_cls: EdgeCls) -> None:
    write_colors(tmp_path / "more", count=4)
    done = edge_cls("fewshot", *folders(tmp_path), str(tmp_path / "more"), "--ways", "2", "--head", "knn")
    header, *rows = done.stdout.splitlines()
    assert header.endswith("far: other folders")
    assert [row.split()[:4] for row in rows[:3]] == [[name, "knn", "2", "2"] for name in ("colors", "more", "mean")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("photos", "--far", "photos"), 2, "--far needs --unknown"),
        (("photos", "--unknown", "--head", "auto,knn3"), 78, "--head knn3 rejects no photos"),
        (("photos", "--unknown", "--far", "./photos"), 78, "photos is one of the data sets"),
        (("photos", "--ways", "1"), 78, "--ways 1 is not a list of numbers of at least 2; use, for example, --ways"),
    ],
)
def test_options_that_cannot_be_met_are_one_line(
    edge_cls: EdgeCls, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = edge_cls("fewshot", str(TINY), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
