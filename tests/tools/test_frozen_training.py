"""A head on a frozen int8 backbone is finished by `train`, without Keras and without TensorFlow."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.progress import Progress

from edge_cls.backends.litert import Interpreter
from edge_cls.classifier import Classifier
from edge_cls.core.bank import Bank
from edge_cls.core.manifest import Training
from edge_cls.errors import ConversionError
from edge_cls.model.file import ModelFile, read_model, write_model
from edge_cls.model.golden import check_golden
from edge_cls.model.model import Model
from edge_cls.tflite.graph import float_operators
from edge_cls_tools.dataset.loading import load_dataset
from edge_cls_tools.quantization.appended import head_outputs
from edge_cls_tools.run_directory import load_head, load_run
from edge_cls_tools.training import train as training
from tests.colors import color_frame, write_colors
from tests.commands import EdgeCls, good
from tests.random_photos import write_photos


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache for every test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """The tiny model, trained on photos of which no hashes are known, called `eye.tflite`."""
    file = read_model(tiny)
    path = tmp_path_factory.mktemp("backbone") / "eye.tflite"
    bank = Bank(np.eye(16, dtype=np.float32)).encode()
    write_model(replace(file, path=path, trained_on=frozenset(), encoded_bank=bank))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """A folder with `colors/`, and `run/`, trained on them."""
    folder = tmp_path_factory.mktemp("frozen")
    write_colors(folder / "colors", count=20)
    train(folder / "colors", backbone, folder / "run")
    return folder


def train(photos: Path, backbone: Path, run: Path) -> training.Trained:
    with pytest.MonkeyPatch.context() as patch, Progress(disable=True) as display:
        patch.setenv("XDG_CACHE_HOME", str(run.parent / "cache"))
        return training.train_classifier(load_dataset(photos), str(backbone), run, seed=0, display=display)


@pytest.fixture
def no_slow_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every import of Keras, TensorFlow, or a library that takes longer to load than a training fail."""
    for name in ("keras", "tensorflow", "sklearn", "scipy"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("no_slow_libraries")
def test_the_commands_need_no_slow_library(edge_cls: EdgeCls, backbone: Path, tmp_path: Path) -> None:
    write_colors(tmp_path / "colors", count=8)
    photos, run, model = tmp_path / "colors", tmp_path / "runs" / "mugs", tmp_path / "copy.tflite"
    everything_else = ("--background", str(write_photos(tmp_path / "everything-else", 20)))
    trained = good(edge_cls("train", str(photos), "-o", str(run), "--backbone", str(backbone), *everything_else))
    assert f"{run}/model.tflite: 0.01 MB int8, finished" in trained
    assert f"bank: 20 photos of {tmp_path}/everything-else\n" in trained
    assert f"next: edge-cls evaluate {run}/model.tflite {photos}" in trained
    quantized = good(edge_cls("quantize", str(run), "-o", str(model), "--report", str(tmp_path / "report.html")))
    assert "compared: the float and the int8 head" in quantized
    assert "\nbank: 20 photos\n" in quantized
    assert "SQNR" not in quantized
    assert "SQNR" not in (tmp_path / "report.html").read_text()
    compared = json.loads(good(edge_cls("quantize", str(run), "-o", str(model), "--json")))
    assert (compared["reference"], compared["embedding_cosine"], compared["layers"]) == ("float head", None, [])
    assert compared["probability_difference"] < 0.05
    assert compared["bank"] == 20
    for file in (run / "model.tflite", model):
        evaluated = json.loads(good(edge_cls("evaluate", str(file), str(photos), "--json")))
        assert (evaluated["accuracy"], evaluated["photos"], evaluated["left_out"]) == (1.0, 6, 18)
    banks = [read_model(file).bank for file in (run / "model.tflite", model)]
    assert [bank and len(bank) for bank in banks] == [20, 20]
    names = [read_model(file).manifest.name for file in (run / "model.tflite", model)]  # type: ignore[union-attr]
    assert names == ["mugs", "copy"]


def test_the_model_is_full_int8_with_the_embedding_of_the_backbone(folder: Path, backbone: Path) -> None:
    file, original = read_model(folder / "run" / "model.tflite"), read_model(backbone)
    assert float_operators(file.network) == []
    outputs = [(output.name, output.shape, str(output.dtype)) for output in Interpreter(file.network).outputs]
    assert outputs == [("probability", (1, 3), "uint8"), ("embedding", (1, 16), "uint8")]
    ours, theirs = Model(file), Model(original)
    assert (ours.space, ours.contract) == (theirs.space, theirs.contract)
    for name in ("red", "green", "blue"):
        frame = color_frame(name, 7)
        mine, whole = ours.infer(frame).embedding, theirs.infer(frame).embedding
        assert mine is not None
        assert whole is not None
        np.testing.assert_array_equal(mine.values, whole.values)
        assert (mine.scale, mine.zero_point) == (whole.scale, whole.zero_point)


def test_the_model_file_is_complete(folder: Path, backbone: Path) -> None:
    file = read_model(folder / "run" / "model.tflite")
    assert file.labels == ("blue", "green", "red")
    assert len(file.golden) == 3
    check_golden(Model(file))
    assert len(file.trained_on) == 48
    assert file.encoded_bank == read_model(backbone).encoded_bank != b""
    manifest = file.manifest
    assert manifest is not None
    assert (manifest.name, manifest.backbone, manifest.temperature) == ("run", "tiny", 1.0)
    assert manifest.stranger_distance is not None
    assert manifest.unknown_below is not None
    assert 0 < manifest.unknown_below < 1
    assert manifest.training is not None
    assert (manifest.training.train, manifest.training.test, manifest.training.fine_tuned) == (39, 12, None)
    assert manifest.quantized is not None
    assert manifest.quantized.agreement == 1.0
    assert load_run(folder / "run").format == "tflite"


def test_the_head_alone_gives_the_numbers_of_the_whole_network(folder: Path) -> None:
    model = Model(read_model(folder / "run" / "model.tflite"))
    inferred = [model.infer(color_frame(name, seed)) for seed in range(5) for name in ("red", "green", "blue")]
    embeddings = np.stack([one.embedding.dequantize() for one in inferred if one.embedding is not None])
    whole = np.stack([one.probability for one in inferred if one.probability is not None])
    np.testing.assert_array_equal(head_outputs(model.file.network, embeddings), whole)
    # The calibrated float head is the one that was rounded.
    np.testing.assert_allclose(load_head(folder / "run").probabilities(embeddings), whole, atol=0.05)


def test_the_same_seed_gives_the_same_model_to_the_byte(folder: Path, backbone: Path, tmp_path: Path) -> None:
    train(folder / "colors", backbone, tmp_path / "run")
    assert (tmp_path / "run" / "model.tflite").read_bytes() == (folder / "run" / "model.tflite").read_bytes()


def test_a_memory_of_the_backbone_goes_on_with_every_model_trained_on_it(
    folder: Path, backbone: Path, tmp_path: Path
) -> None:
    memory, again = tmp_path / "taught.db", tmp_path / "again"
    with Classifier(backbone, memory=memory) as classifier:
        for seed in range(5):
            classifier.teach("blood", color_frame("red", seed))
            classifier.teach("sea", color_frame("blue", seed))
    with Classifier(folder / "run" / "model.tflite", memory=memory) as classifier:
        assert classifier.classify(color_frame("red", 9)).label == "blood"
        classifier.teach("sea", color_frame("blue", 9))
    # A model that was trained is a backbone itself.
    train(folder / "colors", folder / "run" / "model.tflite", again)
    assert read_model(again / "model.tflite").network == read_model(folder / "run" / "model.tflite").network
    with Classifier(again / "model.tflite", memory=memory) as classifier:
        assert classifier.classify(color_frame("blue", 8)).label == "sea"


def test_photos_that_the_backbone_was_fine_tuned_on_stay_known(folder: Path, backbone: Path, tmp_path: Path) -> None:
    file = read_model(backbone)
    assert file.manifest is not None
    for fine_tuned, known in (("all", 1), (None, 0)):
        manifest = replace(file.manifest, training=Training("", "", 9, 9, 9, 0, 0, fine_tuned))
        tuned = ModelFile(tmp_path / "tuned.tflite", file.network, manifest, file.labels, frozenset({b"seen"}))
        write_model(tuned)
        train(folder / "colors", tuned.path, tmp_path / "run")
        assert len(read_model(tmp_path / "run" / "model.tflite").trained_on) == 48 + known


def test_a_head_is_appended_to_corals_published_extractor(shared: Path, tmp_path: Path) -> None:
    """It has no manifest, an embedding of another name, and one pixel of 1,024 channels in place of a vector."""
    for label in ("roses", "sunflowers"):
        (tmp_path / "flowers" / label).mkdir(parents=True)
        for photo in sorted((shared / "data" / "flowers5" / label).iterdir())[:6]:
            (tmp_path / "flowers" / label / photo.name).symlink_to(photo.resolve())
    extractor = shared / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    train(tmp_path / "flowers", extractor, tmp_path / "run")
    ours, theirs = Model(read_model(tmp_path / "run" / "model.tflite")), Model(read_model(extractor))
    assert (ours.space, ours.labels) == (theirs.space, ("roses", "sunflowers"))
    frame = color_frame("red", side=224)
    mine, whole = ours.infer(frame), theirs.infer(frame).embedding
    assert mine.embedding is not None
    assert whole is not None
    np.testing.assert_array_equal(mine.embedding.values, whole.values)
    head = head_outputs(ours.file.network, whole.dequantize()[None])[0]
    np.testing.assert_array_equal(head, mine.probability)


def test_a_model_that_loses_too_much_is_refused_and_the_old_run_stays(
    folder: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_comparison: object, max_drop: float) -> None:
        raise ConversionError(f"more than {max_drop}", hint="none")

    before = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}
    monkeypatch.setattr(training, "check_gate", refuse)
    with pytest.raises(ConversionError, match=r"more than 1\.0"):
        train(folder / "colors", backbone, folder / "run")
    assert {path.name: path.read_bytes() for path in (folder / "run").iterdir()} == before


def test_there_is_nothing_to_calibrate_in_a_finished_run(edge_cls: EdgeCls, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.tflite"
    done = edge_cls("quantize", str(folder / "run"), "-o", str(target), "--calibration", "5")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "nothing to calibrate; leave out --calibration" in done.stderr
    assert not target.exists()


def test_photos_that_cannot_be_read_are_all_named(edge_cls: EdgeCls, backbone: Path, tmp_path: Path) -> None:
    write_colors(tmp_path / "colors", count=5)
    red = tmp_path / "colors" / "red"
    (red / "text.jpg").write_bytes(b"this is a text")
    whole = (red / "00.png").read_bytes()
    (red / "cut.png").write_bytes(whole[: len(whole) // 2])
    done = edge_cls("train", str(tmp_path / "colors"), "-o", str(tmp_path / "run"), "--backbone", str(backbone))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: 2 of 17 photos")
    assert "text.jpg" in done.stderr
    assert "cut.png" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("backbone", ["nowhere.tflite", "lite1-160", "photo.png"])
def test_a_backbone_that_is_not_available_is_reported(edge_cls: EdgeCls, tmp_path: Path, backbone: str) -> None:
    write_colors(tmp_path / "colors", count=3)
    Image.fromarray(color_frame("red")).save(tmp_path / "photo.png")
    spec = str(tmp_path / backbone) if "." in backbone else backbone
    done = edge_cls("train", str(tmp_path / "colors"), "-o", str(tmp_path / "run"), "--backbone", spec)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"error: {spec} ")


def test_quantize_needs_a_finished_training(edge_cls: EdgeCls, tmp_path: Path) -> None:
    done = edge_cls("quantize", str(tmp_path), "-o", str(tmp_path / "model.tflite"))
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path} is not a finished training; run 'edge-cls train DATA -o RUN' first\n",
    )
