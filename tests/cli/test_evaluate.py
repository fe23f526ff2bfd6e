"""`edge-cls evaluate` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import EdgeCls, good


def test_the_numbers_are_printed_and_the_report_is_written(edge_cls: EdgeCls, folder: Path) -> None:
    text = good(
        edge_cls("evaluate", "tiny.tflite", "photos", "--report", "out", "--robustness", "--compare", "tiny.tflite")
    )
    assert "accuracy 100.0% (" in text
    assert "before temperature" not in text  # the tiny model has none
    assert "at the model's threshold of confidence" in text
    assert "robustness on " in text
    assert "p = 1 (McNemar, exact binomial)" in text
    assert text.endswith("report: out/index.html\n")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "evaluation.json",
        "index.html",
        "predictions.csv",
    ]
    document = json.loads((folder / "out" / "evaluation.json").read_text())
    assert document["comparison"]["difference"] == 0.0
    assert len(document["robustness"]["kinds"]["noise"]["accuracy"]) == 5


def test_json_is_the_same_as_in_the_report(edge_cls: EdgeCls, folder: Path) -> None:
    printed = json.loads(good(edge_cls("evaluate", "tiny.tflite", "photos", "--report", "json", "--json")))
    assert printed == json.loads((folder / "json" / "evaluation.json").read_text())
    assert printed["accuracy"] == 1.0
    assert printed["robustness"] is printed["comparison"] is None
    assert 0 <= printed["uncalibrated_calibration_error"] <= 1


def test_a_model_without_labels_inside_takes_a_file_of_them(edge_cls: EdgeCls, folder: Path) -> None:
    """The mean colour in [0, 1] as probabilities of red, green and blue is a classifier of colours."""
    (folder / "rgb.txt").write_text("0 red\n1 green\n2 blue\n")
    report = json.loads(
        good(edge_cls("evaluate", "mean.tflite", "photos", "--labels", "rgb.txt", "--compare", "tiny.tflite", "--json"))
    )
    assert (report["photos"], report["accuracy"], report["known"]) == (6, 1.0, None)
    assert report["comparison"]["photos"] + report["comparison"]["left_out"] == 6
    done = edge_cls("evaluate", "mean.tflite", "photos")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: mean.tflite has no classes; ")
    assert "--labels" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "mean.tflite", "--labels", "three.txt"], "the models do not have the same classes: only tiny"),
        (["--compare", "missing.tflite"], "missing.tflite does not exist"),
        (["--compare", "mean.tflite"], "mean.tflite has no classes"),
        (["--labels", "missing.txt"], "missing.txt does not exist"),
        (["--report", "red.png"], "red.png cannot be created (File exists)"),
    ],
)
def test_a_mistake_is_one_line(edge_cls: EdgeCls, arguments: list[str], message: str) -> None:
    done = edge_cls("evaluate", "tiny.tflite", "photos", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
