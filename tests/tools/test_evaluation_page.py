"""The page has every section and all its pictures, and escapes the names of files and classes."""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.evaluation.comparison import Pair
from edge_cls_tools.evaluation.corruptions import CORRUPTIONS
from edge_cls_tools.evaluation.files import predictions_csv
from edge_cls_tools.evaluation.metrics import evaluation_of
from edge_cls_tools.evaluation.predictions import Predictions, photos_for, predict
from edge_cls_tools.evaluation.robustness import measure_robustness
from edge_cls_tools.report.evaluation_page import evaluation_page
from edge_cls_tools.report.evaluation_plots import confusion_plot
from edge_cls_tools.report.page import plot
from tests.colors import color_frame

LABELS = ("<b>blue", "green & $x^2$", 'red"')
ODD = "café <i>.png"


class Page(HTMLParser):
    """The elements of a page: its references, its tags in order, the ids of its sections, and its text."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.references: list[str] = []
        self.tags: list[str] = []
        self.sections: set[str] = set()
        self.text = ""
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                self.references.append(value or "")
            if tag == "h2" and name == "id":
                self.sections.add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of three colours, in folders and files with unusual names."""
    folder = tmp_path_factory.mktemp("odd")
    for label, color in zip(LABELS, ("blue", "green", "red"), strict=True):
        (folder / label).mkdir()
        for index in range(3):
            Image.fromarray(color_frame(color, index)).save(folder / label / (ODD if index == 2 else f"{index}.png"))
    return folder


@pytest.fixture(scope="module")
def predictions(tiny: Path, folder: Path) -> Predictions:
    """Predictions of the tiny model, two of them wrong."""
    model = Model(replace(read_model(tiny), labels=LABELS, trained_on=frozenset()))
    right = predict(model, photos_for(model, folder), advance=lambda _: None)
    probabilities = right.probabilities.copy()
    probabilities[[2, 8]] = probabilities[[2, 8]][:, [1, 2, 0]]
    return replace(right, probabilities=probabilities)


def references_of(html: bytes) -> list[str]:
    assert not re.search(rb"@import|url\(\s*['\"]?(?!#)", html)
    return Page(html).references


def test_the_whole_page(predictions: Predictions, folder: Path) -> None:
    robustness = measure_robustness(predictions.model, predictions.photos, limit=3, advance=lambda _: None)
    other = predict(predictions.model, predictions.photos, advance=lambda _: None)
    # A name that is not valid text must not prevent the page.
    odd = Model(replace(predictions.model.file, path=Path(os.fsdecode(b"caf\xe9.tflite"))))
    pair = Pair(predictions, replace(other, model=odd), 0)
    html = evaluation_page(
        evaluation_of(predictions, left_out=4), predictions, folder, robustness=robustness, pair=pair
    )
    page = Page(html)
    sections = {"confusion", "classes", "confusions", "mistakes", "calibration", "rejection"}
    assert page.sections == {*sections, "robustness", "comparison"}
    assert page.tags.count("svg") == 5
    # Two errors, each also a confusion and a difference, and five examples of each kind of corruption.
    assert page.tags.count("img") == 3 * 2 + 5 * len(CORRUPTIONS)
    assert page.references
    assert all(one.startswith(("data:", "#")) for one in references_of(html))
    assert not {"script", "link", "iframe", "i"} & set(page.tags)
    for text in (
        *LABELS,
        "Confusion matrix",
        "true",
        "Calibration (reliability diagram)",
        "Accuracy-coverage curve",
        "café <i>.png",
        "77.8 %",
        "McNemar",
        "4 more",
        "Comparison with caf�.tflite",
        *(kind.name for kind in CORRUPTIONS),
    ):
        assert text in page.text


def test_without_errors_and_optional_measurements_their_sections_are_empty_or_absent(tiny: Path, folder: Path) -> None:
    model = Model(replace(read_model(tiny), labels=LABELS, trained_on=frozenset()))
    predictions = predict(model, photos_for(model, folder), advance=lambda _: None)
    html = evaluation_page(evaluation_of(predictions, left_out=0), predictions, folder)
    page = Page(html)
    assert page.sections == {"confusion", "classes", "confusions", "mistakes", "calibration", "rejection"}
    assert "every prediction is correct" in page.text


@pytest.mark.slow
def test_the_same_predictions_give_the_same_bytes(predictions: Predictions, folder: Path) -> None:
    one, other = (evaluation_page(evaluation_of(predictions, left_out=0), predictions, folder) for _ in range(2))
    assert one == other


def test_the_same_numbers_give_the_same_plot() -> None:
    one, other = (plot(confusion_plot(["a", "b"], np.eye(2, dtype=np.int64))) for _ in range(2))
    assert one == other


def test_the_table_of_predictions_can_be_read_back(predictions: Predictions, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(predictions_csv(predictions, folder).decode())))
    assert len(rows) == 9
    assert [row["class"] for row in rows] == [label for label in sorted(LABELS) for _ in range(3)]
    wrong = [row for row in rows if row["class"] != row["predicted"]]
    assert [row["correct"] for row in rows].count("0") == len(wrong) == 2
    assert rows[0]["file"] == "<b>blue/0.png"
    assert float(rows[0]["confidence"]) == pytest.approx(predictions.confidence[0], abs=1e-6)


@pytest.mark.parametrize(("classes", "with_numbers"), [(3, True), (81, False)])
def test_a_confusion_matrix_names_all_its_classes(classes: int, with_numbers: bool) -> None:
    svg = plot(confusion_plot([f"class {i}" for i in range(classes)], np.eye(classes, dtype=np.int64) * 77))
    assert all(svg.count(f">class {i}<") == 2 for i in range(classes))
    assert (">77<" in svg) == with_numbers


def test_a_dollar_in_a_label_starts_no_formula() -> None:
    assert plot(confusion_plot(["$x^2$", "5 $"], np.eye(2, dtype=np.int64))).count(">$x^2$<") == 2
