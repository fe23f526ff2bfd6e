"""The Python API: classifying frames and teaching classes."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

import edge_cls
from edge_cls import Classifier, Prediction
from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import (
    ConfigError,
    ImageError,
    LabelError,
    MemoryFileError,
    MissingDependency,
    ModelError,
    SpaceMismatch,
)
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import read_image
from edge_cls.memory.store import Memory
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model, write_model
from edge_cls.model.lite0 import weights
from edge_cls.model.names import DEFAULT, SPACES
from tests import toy_model
from tests.colors import COLORS, color_frame
from tests.examples import labels_in, teach


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """The path of a memory that does not exist yet."""
    return tmp_path / "taught.db"


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """A model without classes, whose embedding is the mean colour."""
    return toy_model.write_mean_color(tmp_path / "mean.tflite")


@pytest.fixture
def rgb_labels(tmp_path: Path) -> Path:
    """A labels file for the mean colour."""
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    return tmp_path / "labels.txt"


def plain(color: str, width: int = 20, height: int = 20) -> Frame:
    return np.full((height, width, 3), COLORS[color], np.uint8)


@pytest.mark.parametrize("color", COLORS)
def test_a_model_classifies_with_its_own_classes(tiny: Path, color: str) -> None:
    with Classifier(tiny) as classifier:
        prediction = classifier.classify(color_frame(color, seed=99))
    scores = [one.score for one in prediction.predictions]
    assert prediction.label == color
    assert {one.label for one in prediction.predictions} == set(COLORS)
    assert prediction.score == scores[0]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("dtype", [toy_model.UINT8, toy_model.INT8])
def test_a_model_without_a_manifest_classifies_with_a_labels_file(tmp_path: Path, rgb_labels: Path, dtype: int) -> None:
    model = toy_model.write_mean_color(tmp_path / "mean.tflite", dtype=dtype)
    with Classifier(model, labels=rgb_labels) as classifier:
        prediction = classifier.classify(np.full((9, 9, 3), (51, 204, 102), np.uint8))
    assert [one.label for one in prediction.predictions] == ["green", "blue", "red"]
    assert [one.score for one in prediction.predictions] == pytest.approx([0.8, 0.4, 0.2])
    assert not prediction.unknown


def test_the_option_classes_selects_the_classes_that_are_predicted(tiny: Path, memory: Path) -> None:
    red, blue = color_frame("red", 9), color_frame("blue", 9)
    with Classifier(tiny, memory=memory) as both:
        for seed in range(3):
            both.teach("rose", color_frame("red", seed))
        assert (both.classify(red).label, both.classify(blue).label) == ("rose", "blue")
    with Classifier(tiny, memory=memory, classes="model") as trained:
        assert (trained.classify(red).label, trained.classify(blue).label) == ("red", "blue")
        assert trained.taught() == {"rose": 3}
    with Classifier(tiny, memory=memory, classes="memory") as taught:
        assert (taught.classify(red).label, taught.classify(red).unknown) == ("rose", False)
        assert (taught.classify(blue).label, taught.classify(blue).unknown) == ("rose", True)
    with Classifier(tiny, memory=memory.with_name("empty.db"), classes="memory") as empty:
        assert empty.classify(red) == Prediction((), known=0.0)


def test_of_a_closed_set_every_frame_is_known(tiny: Path, memory: Path, tmp_path: Path) -> None:
    file, grey = read_model(tiny), np.full((32, 32, 3), 128, np.uint8)
    assert file.manifest is not None
    strict = dataclasses.replace(file.manifest, unknown_below=0.9999)
    path = tmp_path / "strict.tflite"
    write_model(dataclasses.replace(file, path=path, manifest=strict))
    with Classifier(path) as open_set, Classifier(path, closed_set=True) as closed:
        assert (open_set.classify(grey).unknown, closed.classify(grey).known) == (True, 1.0)
    with Classifier(tiny, memory=memory, classes="memory", closed_set=True) as taught:
        assert taught.classify(grey).unknown  # there is no class yet
        for seed in range(3):
            taught.teach("rose", color_frame("red", seed))
        blue = taught.classify(color_frame("blue", 9))
        assert (blue.label, blue.known) == ("rose", 1.0)


def test_invalid_values_of_classes_are_refused_before_a_memory_is_created(
    tiny: Path, backbone: Path, memory: Path
) -> None:
    with pytest.raises(ConfigError, match=r"--classes model needs labels, and .*mean.tflite has none"):
        Classifier(backbone, memory=memory, classes="model")
    with pytest.raises(ConfigError, match="--classes memory needs a memory, but none is given"):
        Classifier(tiny, classes="memory")
    with pytest.raises(ConfigError, match="unknown classes 'mine'; use one of model, memory, both"):
        Classifier(tiny, memory=memory, classes="mine")  # type: ignore[arg-type]
    assert not memory.exists()


def test_decide_does_not_read_the_memory_but_reload_changes_does(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as watching, Classifier(tiny, memory=memory) as teaching:
        pixels = watching.prepare(color_frame("red", 9))
        into = np.empty_like(pixels)
        assert watching.prepare(color_frame("red", 9), into) is into
        np.testing.assert_array_equal(into, pixels)
        teaching.teach("rose", color_frame("red"))
        outputs = watching.infer(pixels)
        assert watching.decide(outputs).label == "red"
        watching.reload_changes()
        assert watching.decide(outputs).label == "rose"


def test_one_thread_may_infer_while_another_teaches(tiny: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2)
    invoke = Interpreter.invoke

    def watched(interpreter: Interpreter, pixels: Frame) -> list[Frame]:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.1)  # passes if two threads are inside at once
            raise AssertionError("the interpreter serves two at a time")
        return invoke(interpreter, pixels)

    with Classifier(tiny, memory=memory) as classifier, ThreadPoolExecutor(1) as thread:
        pixels = classifier.prepare(color_frame("blue", 9))
        expected = classifier.infer(pixels)
        monkeypatch.setattr(Interpreter, "invoke", watched)
        beside = thread.submit(lambda: [classifier.infer(pixels) for _ in range(20)])
        for seed in range(5):
            classifier.teach("rose", color_frame("red", seed))
            together.reset()
        for outputs in beside.result():
            for output, same in zip(outputs, expected, strict=True):
                np.testing.assert_array_equal(output, same)


def test_without_any_class_everything_is_unknown(backbone: Path) -> None:
    with Classifier(backbone) as classifier:
        prediction = classifier.classify(plain("red"))
    assert prediction == Prediction((), known=0.0)
    assert (prediction.label, prediction.score) == (None, 0.0)


@pytest.mark.parametrize("dtype", [toy_model.UINT8, toy_model.INT8])
def test_taught_classes_are_recognised_after_reopening_and_unknown_objects_are_not(
    tmp_path: Path, memory: Path, dtype: int
) -> None:
    backbone = toy_model.write_mean_color(tmp_path / "mean.tflite", dtype=dtype)
    with Classifier(backbone, memory=memory) as classifier:
        for seed in range(3):
            classifier.teach("rose", color_frame("red", seed))
            classifier.teach("  sky ", color_frame("blue", seed))
        before = classifier.classify(color_frame("red", 99))
    with Classifier(backbone, memory=memory) as classifier:
        assert classifier.taught() == {"rose": 3, "sky": 3}
        again = classifier.classify(color_frame("red", 99))
        assert [one.label for one in again.predictions] == [one.label for one in before.predictions]
        # A head that was updated by single examples equals one fitted from scratch, except for rounding.
        assert [one.score for one in again.predictions] == pytest.approx([one.score for one in before.predictions])
        rose, sky = classifier.classify(plain("red")), classifier.classify(plain("blue"))
        unknown = classifier.classify(plain("green"))
    assert (rose.label, rose.unknown) == ("rose", False)
    assert (sky.label, sky.unknown) == ("sky", False)
    assert rose.score > 0.9
    assert unknown.unknown
    assert {one.label for one in unknown.predictions} == {"rose", "sky"}


def test_a_frame_unknown_to_the_memory_gets_the_prediction_of_the_model(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as classifier:
        for seed in range(4):
            classifier.teach("rose", color_frame("red", seed))
        assert classifier.classify(color_frame("red", 0)).label == "rose"
        claimed_by_the_model = classifier.classify(color_frame("blue", 0))
    with Classifier(tiny) as classifier:
        assert classifier.classify(color_frame("blue", 0)) == claimed_by_the_model


@pytest.mark.parametrize(("floor", "unknown"), [(0.0, False), (1.0, True), (None, False)])
def test_below_its_own_threshold_a_model_calls_a_frame_unknown(
    tiny: Path, tmp_path: Path, floor: float | None, unknown: bool
) -> None:
    model = read_model(tiny)
    assert model.manifest is not None
    manifest = dataclasses.replace(model.manifest, unknown_below=floor)
    write_model(dataclasses.replace(model, path=tmp_path / "model.tflite", manifest=manifest))
    with Classifier(tmp_path / "model.tflite") as classifier:
        prediction = classifier.classify(color_frame("red"))
    assert (prediction.label, prediction.unknown) == ("red", unknown)


@pytest.mark.parametrize(
    ("width", "height", "crop"), [(600, 300, (256, 256, 3)), (300, 600, (256, 256, 3)), (40, 50, (40, 40, 3))]
)
def test_the_crop_that_the_model_saw_is_stored_as_a_photo(
    backbone: Path, memory: Path, width: int, height: int, crop: tuple[int, ...]
) -> None:
    frame = plain("red", width, height)
    frame[0, 0] = frame[-1, -1] = 255
    with Classifier(backbone, memory=memory) as classifier:
        classifier.teach("rose", frame)
    with Memory(memory) as opened:
        (stored,) = opened.embeddings()
        photo = read_image(opened.crop(stored.id))
    assert photo.shape == crop
    assert np.abs(photo.astype(int) - COLORS["red"]).max() < 6


@pytest.mark.parametrize("label", ["", "two\nlines", "x" * 101])
def test_an_invalid_label_is_refused_and_not_stored(backbone: Path, memory: Path, label: str) -> None:
    with Classifier(backbone, memory=memory) as classifier, pytest.raises(LabelError, match="is not a label"):
        classifier.teach(label, plain("red"))
    assert labels_in(memory) == []


def test_an_example_that_could_not_be_stored_is_not_learned(backbone: Path, memory: Path) -> None:
    classifier = Classifier(backbone, memory=memory)
    classifier.close()
    classifier.close()
    with pytest.raises(MemoryFileError):
        classifier.teach("rose", plain("red"))
    assert classifier.taught() == {}


def test_without_a_memory_nothing_can_be_taught(backbone: Path) -> None:
    with Classifier(backbone) as classifier, pytest.raises(ValueError, match="this classifier has no memory"):
        classifier.teach("rose", plain("red"))


def test_a_model_without_an_embedding_cannot_be_taught(backbone: Path, rgb_labels: Path, memory: Path) -> None:
    with (
        Classifier(backbone, labels=rgb_labels, memory=memory) as classifier,
        pytest.raises(ModelError, match="has no embedding to teach with; teach without --model"),
    ):
        classifier.teach("rose", plain("red"))


def test_the_memory_of_another_backbone_is_refused(backbone: Path, memory: Path) -> None:
    with Memory(memory) as opened:
        teach(opened, space="0123456789abcdef")
    with pytest.raises(SpaceMismatch, match=r"another backbone \(0123456789ab\) than .*; use the model that it was"):
        Classifier(backbone, memory=memory)
    assert labels_in(memory) == ["mug"]


def test_the_memory_of_a_backbone_that_now_classifies_is_refused(
    backbone: Path, rgb_labels: Path, memory: Path
) -> None:
    with Classifier(backbone, memory=memory) as classifier:
        classifier.teach("rose", plain("red"))
    with pytest.raises(SpaceMismatch):
        Classifier(backbone, labels=rgb_labels, memory=memory)


def test_other_labels_in_the_model_file_leave_the_memory_usable(tiny: Path, tmp_path: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as classifier:
        classifier.teach("rose", color_frame("red"))
    renamed = dataclasses.replace(read_model(tiny), path=tmp_path / "renamed.tflite", labels=("azul", "verde", "rojo"))
    write_model(renamed)
    with Classifier(renamed.path, memory=memory) as classifier:
        assert classifier.taught() == {"rose": 1}


def test_an_array_that_is_not_a_frame_is_refused(tiny: Path) -> None:
    with Classifier(tiny) as classifier, pytest.raises(ImageError, match="is not an RGB image"):
        classifier.classify(np.zeros((32, 32, 4), np.uint8))


@pytest.mark.parametrize(("chosen", "used"), [(None, DEFAULT), ("builtin", "builtin"), ("default", DEFAULT)])
def test_a_memory_keeps_the_backbone_that_it_was_taught_on(
    memory: Path, default_backbone: Path, chosen: str | None, used: str
) -> None:
    with Classifier(chosen, memory=memory) as classifier:
        assert classifier.model.space == SPACES[used]
        classifier.teach("rose", color_frame("red"))
        assert classifier.classify(color_frame("red")).label == "rose"
    with Classifier(memory=memory) as classifier:
        assert classifier.model.space == SPACES[used]
        assert classifier.taught() == {"rose": 1}
    path = default_backbone if used == DEFAULT else builtin_file("edge-embed.tflite")
    with Classifier(path, memory=memory) as classifier:
        assert classifier.taught() == {"rose": 1}
    with Memory(memory) as taught:
        taught.forget("rose")
        taught.vacuum()
    with Classifier(memory=memory) as classifier:
        assert classifier.model.space == SPACES[DEFAULT]


@pytest.mark.usefixtures("default_backbone")
def test_a_memory_of_an_unknown_model_needs_that_model(memory: Path, backbone: Path) -> None:
    with Classifier(backbone, memory=memory) as classifier:
        classifier.teach("rose", color_frame("red"))
    with pytest.raises(SpaceMismatch, match=r"was taught with another backbone .* use the model that it was taught"):
        Classifier(memory=memory)


@pytest.mark.usefixtures("default_backbone")
def test_a_folder_that_may_not_be_searched_is_left_to_the_memory_to_report(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "exists", forbidden)
    with Classifier(memory=memory) as classifier:
        assert classifier.memory is not None


def test_without_the_weights_a_memory_of_the_built_in_backbone_goes_on(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing falls back to another backbone, and no memory is created for one that is missing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_MODULE", "no_such_package_of_weights")
    with pytest.raises(MissingDependency, match="or use the backbone builtin"):
        Classifier(memory=memory)
    assert not memory.exists()
    with Classifier("builtin", memory=memory) as classifier:
        classifier.teach("rose", color_frame("red"))
    with Classifier(memory=memory) as classifier:
        assert classifier.taught() == {"rose": 1}


def test_the_next_frame_sees_the_changes_of_another_process(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as watching, Classifier(tiny, memory=memory) as teaching:
        assert watching.classify(color_frame("red", 9)).label == "red"
        ids = [teaching.teach("rose", color_frame("red", seed)).id for seed in range(3)]
        assert watching.classify(color_frame("red", 9)).label == "rose"
        assert teaching.memory is not None
        teaching.memory.relabel("rose", "tulip")
        assert watching.classify(color_frame("red", 9)).label == "tulip"
        teaching.memory.remove(ids)
        assert watching.classify(color_frame("red", 9)).label == "red"
        teaching.memory.undo()
        assert watching.classify(color_frame("red", 9)).label == "tulip"
        assert watching.taught() == {"tulip": 3}


def test_a_duplicate_is_not_stored_and_a_conflict_names_the_other_class(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as classifier:
        first, again = classifier.teach("rose", plain("red")), classifier.teach("rose", plain("red"))
        assert (first.stored, first.check.verdict) == (True, "new")
        assert (again.stored, again.check.verdict, again.id) == (False, "duplicate", first.id)
        other = classifier.teach("tulip", plain("red"))
        assert (other.stored, other.check.verdict, other.check.looks_like) == (True, "conflict", "rose")
        assert classifier.taught() == {"rose": 1, "tulip": 1}


def test_an_example_added_and_removed_between_two_calls_is_ignored(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as watching, Classifier(tiny, memory=memory) as teaching:
        watching.teach("rose", color_frame("red"))
        teaching.teach("tulip", color_frame("blue"))
        assert teaching.memory is not None
        teaching.memory.undo()
        watching.reload_changes()
        assert watching.taught() == {"rose": 1}


def test_vectors_of_another_backbone_are_never_learned(tiny: Path, memory: Path) -> None:
    """Not with the second call either, which reports only the newest changes."""
    alien = QuantizedVector(np.ones(8, np.int8), 1.0, 0)
    with Classifier(tiny, memory=memory) as classifier, Memory(memory) as other:
        classifier.teach("rose", plain("red"))
        other.reembed("another", lambda _: alien)
        for _ in range(2):
            with pytest.raises(SpaceMismatch):
                classifier.reload_changes()
            other.add("tulip", alien, space="another", crop=b"", taught_at=1.0)
        assert classifier.taught() == {"rose": 1}


def test_vectors_of_another_backbone_in_an_empty_memory_are_never_learned(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as classifier, Memory(memory) as other:
        other.add("tulip", QuantizedVector(np.ones(8, np.int8), 1.0, 0), space="another", crop=b"", taught_at=1.0)
        with pytest.raises(SpaceMismatch):
            classifier.reload_changes()
        assert classifier.taught() == {}


def test_changes_that_could_not_be_learned_are_learned_later(
    tiny: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryFileError("a bad moment", hint="wait")

    with Classifier(tiny, memory=memory) as watching, Classifier(tiny, memory=memory) as teaching:
        teaching.teach("rose", plain("red"))
        with monkeypatch.context() as bad:
            bad.setattr(watching.learner, "add", fail)
            with pytest.raises(MemoryFileError):
                watching.reload_changes()
        watching.reload_changes()
        assert watching.taught() == {"rose": 1}


def test_a_label_that_is_not_a_number_leaves_a_regression_unchanged(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory, head="knn-regression") as gauge, Classifier(tiny, memory=memory) as other:
        gauge.teach("1", plain("red"))
        other.teach("mug", plain("blue"))
        for _ in range(2):
            with pytest.raises(LabelError, match="is not a number"):
                gauge.reload_changes()
        assert gauge.taught() == {"1": 1}


def test_a_memory_that_changes_to_another_backbone_raises(tiny: Path, memory: Path) -> None:
    with Classifier(tiny, memory=memory) as classifier:
        classifier.teach("rose", plain("red"))
        with Memory(memory) as other:
            other.reembed("another", lambda _: QuantizedVector(np.ones(8, np.int8), 1.0, 0))
        with pytest.raises(SpaceMismatch, match=r"taught with another backbone .*'edge-cls memory reembed --model'"):
            classifier.classify(plain("red"))


def test_a_regression_predicts_a_number(backbone: Path, memory: Path) -> None:
    with Classifier(backbone, memory=memory, head="knn-regression") as gauge:
        for level in (0, 60, 120, 180, 240):
            gauge.teach(str(level), np.full((20, 20, 3), (level, 100, 255 - level), np.uint8))
        prediction = gauge.classify(np.full((20, 20, 3), (90, 100, 165), np.uint8))
        assert prediction.value == pytest.approx(90, abs=15)
        with pytest.raises(LabelError, match="is not a number"):
            gauge.teach("full", plain("red"))
    assert "full" not in labels_in(memory)


@pytest.mark.parametrize("name", edge_cls.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(edge_cls, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'edge_cls' has no attribute 'Memory'"):
        edge_cls.Memory  # type: ignore[attr-defined]  # noqa: B018
