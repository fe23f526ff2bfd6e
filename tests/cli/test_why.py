"""`edge-cls memory why` and `classify --memory`: the examples that decided what a photo is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_cls.classifier import Classifier
from edge_cls.cli.memory.why import reason
from edge_cls.images.reading import read_image
from edge_cls.prediction import Prediction, Score
from tests.commands import EdgeCls, good

PHOTO_KEYS = ["file", "label", "score", "known", "unknown", "reason", "nearest"]


@pytest.fixture(scope="module")
def taught(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory of two photos of red and two of green, which no test changes."""
    path = tmp_path_factory.mktemp("why") / "taught.db"
    with Classifier(folder / "mean.tflite", memory=path) as classifier:
        for label in ("red", "green"):
            for photo in sorted((folder / "photos" / label).iterdir()):
                classifier.teach(label, read_image(photo))
    return path


@pytest.fixture
def why(edge_cls: EdgeCls, taught: Path) -> EdgeCls:
    return lambda *words: edge_cls("memory", "why", *words, "--memory", str(taught), "--model", "mean.tflite")


def test_the_three_examples_that_decided_are_named(why: EdgeCls, edge_cls: EdgeCls, taught: Path) -> None:
    document = json.loads(good(why("red.png", "green.png", "--json")))
    red, green = document["photos"]
    assert list(red) == PHOTO_KEYS
    assert [photo["nearest"][0]["label"] for photo in (red, green)] == ["red", "green"]
    shown = json.loads(good(edge_cls("memory", "show", "red", "--json", "--memory", str(taught))))["examples"]
    stored = {one["id"]: one["taught_at"] for one in shown}
    assert len(red["nearest"]) == 3
    for one in red["nearest"]:
        assert list(one) == ["id", "label", "similarity", "taught_at"]
        assert one["label"] == "green" or one["taught_at"] == stored[one["id"]]
    similarities = [one["similarity"] for one in red["nearest"]]
    assert similarities == sorted(similarities, reverse=True)

    first, *examples = good(why("red.png")).splitlines()
    assert first == f"red.png: {red['reason']}"
    assert [line.split()[1] for line in examples] == [one["id"][:8] for one in red["nearest"]]
    assert [line.split()[0] for line in examples] == [f"{similarity:.2f}" for similarity in similarities]


def test_photos_that_cannot_be_read_are_named_and_the_others_explained(why: EdgeCls) -> None:
    done = why("text.jpg", "red.png")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: text.jpg is not an image")
    assert done.stdout.startswith("red.png: ")


@pytest.mark.parametrize(
    ("memory", "message"), [("missing.db", "missing.db does not exist"), ("empty.db", "empty.db has no examples")]
)
def test_a_memory_without_examples_explains_nothing_and_none_is_made(
    edge_cls: EdgeCls, memory: str, message: str
) -> None:
    with Classifier("mean.tflite", memory="empty.db"):
        pass
    done = edge_cls("memory", "why", "red.png", "--memory", memory, "--model", "mean.tflite")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert not Path("missing.db").exists()


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (Prediction((Score("mug", 0.92), Score("cup", 0.08)), 0.97), "mug (score 92%, known 97%)"),
        (
            Prediction((Score("mug", 0.92), Score("cup", 0.08)), 0.31),
            "unknown: known is 31%, and 50% is needed; the nearest class is mug (score 92%)",
        ),
        (
            Prediction((Score("mug", 0.52), Score("cup", 0.41)), 0.9),
            "unsure: mug (score 52%, known 90%), or cup (score 41%)",
        ),
        (Prediction((Score("background", 0.9), Score("mug", 0.1)), 0.9), "nothing, background (score 90%, known 90%)"),
    ],
)
def test_the_reason_says_which_number_decided(prediction: Prediction, said: str) -> None:
    assert reason(prediction) == said


def test_classify_names_the_nearest_examples_of_a_memory(edge_cls: EdgeCls, taught: Path, why: EdgeCls) -> None:
    (photo,) = json.loads(good(edge_cls("classify", "mean.tflite", "red.png", "--json", "--memory", str(taught))))[
        "photos"
    ]
    (explained,) = json.loads(good(why("red.png", "--json")))["photos"]
    assert photo["nearest"] == [
        {key: one[key] for key in ("id", "label", "similarity")} for one in explained["nearest"]
    ]
    assert photo["predictions"][0]["label"] == "red"


@pytest.mark.parametrize(
    ("memory", "message"), [("missing.db", "missing.db does not exist"), ("empty.db", "nothing was taught to empty.db")]
)
def test_classify_needs_classes_in_the_memory_or_in_the_model(edge_cls: EdgeCls, memory: str, message: str) -> None:
    with Classifier("mean.tflite", memory="empty.db"):
        pass
    done = edge_cls("classify", "mean.tflite", "red.png", "--memory", memory)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert not Path("missing.db").exists()


def test_classify_says_that_nothing_is_there_if_the_best_class_is_background(edge_cls: EdgeCls, tmp_path: Path) -> None:
    path = tmp_path / "taught.db"
    photos = [Path("photos/red/00.png"), Path("photos/red/01.png")]
    with Classifier("mean.tflite", memory=path) as classifier:
        for photo in photos:
            classifier.teach("background", read_image(photo))
        classifier.teach("green", read_image(Path("green.png")))
    said = good(edge_cls("classify", "mean.tflite", str(photos[0]), "--memory", str(path)))
    assert said.splitlines()[0] == f"{photos[0]}  nothing (background)"
