"""A model file of what a memory was taught, made on the device."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_cls import Classifier
from edge_cls.backends.litert import Interpreter
from edge_cls.core.bank import Bank
from edge_cls.errors import DatasetError, ModelError, SpaceMismatch
from edge_cls.images.preprocess import Frame
from edge_cls.memory.store import Memory
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from edge_cls.taught_model import TaughtModel, make_taught_model
from tests import toy_model
from tests.colors import COLORS, color_frame
from tests.examples import vector

TONES = ((255, 255, 255), (0, 0, 0), (160, 160, 0), (160, 0, 160))


def view(name: str, number: int) -> Frame:
    """Return a picture of a colour below a stripe, so that the four views of a colour are no near duplicates."""
    frame = color_frame(name, number)
    frame[:9] = TONES[number]
    return frame


@pytest.fixture
def backbone(tiny: Path) -> ModelFile:
    return read_model(tiny)


@pytest.fixture(scope="module")
def first(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory with four examples of each colour."""
    path = tmp_path_factory.mktemp("first") / "taught.db"
    with Classifier(tiny, memory=path) as classifier:
        for number in range(4):
            for name in COLORS:
                classifier.teach(name, view(name, number))
    return path


@pytest.fixture
def taught(first: Path, tmp_path: Path) -> Path:
    """A copy of that memory."""
    return Path(shutil.copy(first, tmp_path))


def forget_vectors(path: Path, *, kept: int) -> None:
    """Delete all vectors but `kept`, as the repair of a damaged memory may leave it."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM embedding WHERE example > ?", (kept,))


def made(memory: Path, backbone: ModelFile, target: Path) -> TaughtModel:
    with Memory(memory) as opened:
        model = make_taught_model(opened, backbone, target)
    write_model(model.file)
    return model


def test_the_model_classifies_as_the_memory_was_taught(taught: Path, backbone: ModelFile, tmp_path: Path) -> None:
    model = made(taught, backbone, tmp_path / "colours.tflite")
    assert model.examples == dict.fromkeys(COLORS, 4)
    assert (model.left_out.accuracy or 0) > 0.8
    assert (model.photos, model.agreement, model.unusable) == (12, 1.0, 0)
    with Classifier(tmp_path / "colours.tflite") as classifier:
        assert classifier.model.labels == tuple(COLORS)
        for name in COLORS:
            assert classifier.classify(color_frame(name, 99)).label == name


def test_the_file_says_what_it_was_made_of(taught: Path, backbone: ModelFile, tmp_path: Path) -> None:
    backbone = replace(backbone, encoded_bank=Bank(np.eye(16, dtype=np.float32)).encode())
    accuracy = made(taught, backbone, tmp_path / "colours.tflite").left_out.accuracy
    file = read_model(tmp_path / "colours.tflite")
    assert file.manifest is not None
    assert backbone.manifest is not None
    training = file.manifest.training
    assert training is not None
    assert training.taught == dict.fromkeys(COLORS, 4)
    assert (training.train, training.validation_accuracy) == (12, accuracy)
    assert file.manifest.name == "colours"
    assert file.manifest.space == backbone.manifest.space
    assert file.manifest.preprocessing == backbone.manifest.preprocessing
    assert 0 < (file.manifest.unknown_below or 0) < 1
    assert len(file.golden) == 3
    assert file.encoded_bank == backbone.encoded_bank
    with Memory(taught) as memory:
        stored = {bytes.fromhex(sha256(memory.crop(example.id)))[:4] for example in memory.embeddings()}
    assert file.trained_on == stored


def test_the_memory_goes_on_with_the_new_model_and_with_the_next(
    taught: Path, backbone: ModelFile, tmp_path: Path
) -> None:
    made(taught, backbone, tmp_path / "first.tflite")
    with Classifier(tmp_path / "first.tflite", memory=taught) as classifier:
        assert classifier.classify(color_frame("red", 99)).label == "red"
        for seed in range(3):
            classifier.teach("white", np.full((40, 40, 3), 250 - 40 * seed, np.uint8))
    again = made(taught, read_model(tmp_path / "first.tflite"), tmp_path / "second.tflite")
    assert again.examples["white"] == 3
    pixels = np.zeros((32, 32, 3), np.uint8)
    (_, before), (_, after) = (Interpreter(one.network).invoke(pixels) for one in (backbone, again.file))
    np.testing.assert_array_equal(before, after)
    # Nothing of the first head is left.
    direct = made(taught, backbone, tmp_path / "second.tflite")
    assert again.file.network == direct.file.network


def test_classes_with_few_different_examples_are_named(taught: Path, tiny: Path, backbone: ModelFile) -> None:
    with Classifier(tiny, memory=taught) as classifier:
        classifier.teach("held", np.full((40, 40, 3), 250, np.uint8))
        for side in (41, 42, 43):
            classifier.teach("held", np.full((side, side, 3), 250, np.uint8))
    with Memory(taught) as memory:
        model = make_taught_model(memory, backbone, taught.with_name("m.tflite"))
    assert model.few["held"] == 1
    assert model.examples["held"] == 4
    assert len(model.left_out.targets) == 12  # the views of the held one are not known without each other


def test_one_example_of_each_class_gives_a_model_without_estimates(
    tiny: Path, backbone: ModelFile, tmp_path: Path
) -> None:
    with Classifier(tiny, memory=tmp_path / "one.db") as classifier:
        for name in COLORS:
            classifier.teach(name, color_frame(name))
    model = made(tmp_path / "one.db", backbone, tmp_path / "one.tflite")
    assert model.left_out.accuracy is None
    assert model.file.manifest is not None
    assert model.file.manifest.unknown_below is None
    assert model.few == dict.fromkeys(COLORS, 1)
    with Classifier(tmp_path / "one.tflite") as classifier:
        assert classifier.classify(color_frame("blue", 5)).label == "blue"


def test_examples_without_a_photo_are_learnt_and_those_without_an_embedding_are_counted(
    taught: Path, backbone: ModelFile, tmp_path: Path
) -> None:
    with Memory(taught) as memory:
        examples = [replace(one, crop=b"") for one in memory.all_examples()]
    with Memory(tmp_path / "bare.db") as memory:
        memory.merge(examples)
    forget_vectors(tmp_path / "bare.db", kept=11)
    with Memory(tmp_path / "bare.db") as memory:
        model = make_taught_model(memory, backbone, tmp_path / "m.tflite")
    assert (model.photos, model.agreement, model.unusable) == (0, None, 1)
    assert sum(model.examples.values()) == 11
    assert not model.file.trained_on


def test_a_memory_without_two_classes_is_refused(tiny: Path, backbone: ModelFile, tmp_path: Path) -> None:
    with Memory(tmp_path / "empty.db") as memory, pytest.raises(DatasetError, match="has no taught examples"):
        make_taught_model(memory, backbone, tmp_path / "m.tflite")
    with Classifier(tiny, memory=tmp_path / "one.db") as classifier:
        classifier.teach("red", color_frame("red"))
    with Memory(tmp_path / "one.db") as memory, pytest.raises(DatasetError, match=r"only one class.*'red'"):
        make_taught_model(memory, backbone, tmp_path / "m.tflite")


def test_a_memory_without_embeddings_is_refused(taught: Path, backbone: ModelFile, tmp_path: Path) -> None:
    forget_vectors(taught, kept=0)
    with Memory(taught) as memory, pytest.raises(DatasetError, match=r"none of the 12 examples .* has an embedding"):
        make_taught_model(memory, backbone, tmp_path / "m.tflite")


def test_a_memory_of_another_backbone_is_refused(backbone: ModelFile, tmp_path: Path) -> None:
    with Memory(tmp_path / "other.db") as memory:
        for label in ("mug", "plant"):
            memory.add(label, vector(), space="f" * 64, crop=b"", taught_at=1.0)
        with pytest.raises(SpaceMismatch, match=r"another backbone \(ffffffffffff\)"):
            make_taught_model(memory, backbone, tmp_path / "m.tflite")


def test_a_network_without_a_manifest_must_be_imported_first(tmp_path: Path) -> None:
    file = read_model(toy_model.write_mean_color(tmp_path / "mean.tflite"))
    with Classifier(file.path, memory=tmp_path / "mean.db") as classifier:
        for name in COLORS:
            classifier.teach(name, color_frame(name))
    with Memory(tmp_path / "mean.db") as memory, pytest.raises(ModelError, match=r"no manifest.*edge-cls import-model"):
        make_taught_model(memory, file, tmp_path / "m.tflite")
