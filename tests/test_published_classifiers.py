"""Published models, which edge-cls did not make, as classifiers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from edge_cls import Classifier
from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ModelError
from edge_cls.images.reading import read_image
from edge_cls.model.file import read_model
from edge_cls.model.importing.importer import import_model
from edge_cls.model.model import Model


def test_a_published_classifier_knows_imagenet(shared: Path) -> None:
    folder = shared / "data" / "imagenet_val1300"
    with (folder / "labels.csv").open() as file:
        photos = list(csv.DictReader(file))[:30]
    labels = (shared / "models" / "imagenet_labels.txt").read_text().splitlines()
    model = shared / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    with Classifier(model, labels=shared / "models" / "imagenet_labels.txt") as classifier:
        assert not classifier.model.teachable
        right = 0
        for photo in photos:
            best = classifier.classify(read_image(folder / "images" / photo["file"])).predictions[:5]
            right += labels[int(photo["index0_999"]) + 1] in [one.label for one in best]
    assert right >= 15


def test_a_published_embedding_extractor_can_be_taught(shared: Path, tmp_path: Path) -> None:
    model = shared / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    photos = [read_image(photo) for photo in sorted((shared / "data" / "flowers5" / "roses").iterdir())[:2]]
    with Classifier(model, memory=tmp_path / "taught.db") as classifier:
        assert classifier.model.teachable
        assert classifier.model.file.bank is not None
        assert classifier.model.file.bank.units.shape == (256, 1024)
        classifier.teach("first", photos[0])
        classifier.teach("second", photos[1])
    with Classifier(model, memory=tmp_path / "taught.db") as classifier:
        predictions = [classifier.classify(photo) for photo in photos]
    assert [prediction.label for prediction in predictions] == ["first", "second"]
    assert not any(prediction.unknown for prediction in predictions)


def test_a_teachable_machine_export_classifies(shared: Path) -> None:
    folder = shared / "models" / "teachable_machine" / "converted_tflite_quantized"
    photo = read_image(next((shared / "data" / "flowers5" / "roses").iterdir()))
    with Classifier(folder / "model.tflite", labels=folder / "labels.txt") as classifier:
        prediction = classifier.classify(photo)
    assert len(prediction.predictions) == 2
    assert not any(one.label[0].isdigit() for one in prediction.predictions)
    assert sum(one.score for one in prediction.predictions) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("tf2_mobilenet_v2_1.0_224_ptq.tflite", 1280),
        ("mobilenet_v1_0.25_128_quant.tflite", 256),
        ("teachable_machine/converted_tflite_quantized", 1280),
        ("teachable_machine/converted_tflite", 1280),
    ],
)
def test_a_published_classifier_becomes_teachable_and_its_probabilities_are_identical(
    shared: Path, tmp_path: Path, name: str, width: int
) -> None:
    source = shared / "models" / name
    imported = import_model(source, tmp_path / "m.tflite", embedding="auto")
    assert imported.embedding == width
    bank = read_model(tmp_path / "m.tflite").bank
    assert (bank.units.shape if bank else None) == ((256, width) if name.endswith(".tflite") else None)
    network = next(source.glob("*.tflite")) if source.is_dir() else source
    before, after = Interpreter(network.read_bytes()), Interpreter(imported.file.network)
    assert [(one.name, one.shape[-1]) for one in after.outputs] == [
        ("probability", len(imported.file.labels)),
        ("embedding", width),
    ]
    rng = np.random.default_rng(0)
    for _ in range(3):
        pixels = rng.integers(0, 256, before.input.shape[1:]).astype(before.input.dtype)
        np.testing.assert_array_equal(after.invoke(pixels)[0], before.invoke(pixels)[0])


def test_the_three_exports_of_teachable_machine_have_the_same_labels_and_normalisation(
    shared: Path, tmp_path: Path
) -> None:
    folder = shared / "models" / "teachable_machine"
    photo = read_image(next((shared / "data" / "flowers5" / "roses").iterdir()))
    vectors = []
    for name in ("converted_tflite", "converted_tflite_quantized", "converted_edgetpu"):
        compiled = name == "converted_edgetpu"
        imported = import_model(folder / name, tmp_path / f"{name}.tflite", embedding="none" if compiled else "auto")
        contract = imported.preprocessing
        assert (contract.mean, contract.std, imported.file.labels) == (127.5, 127.5, ("Tanpa Topi", "Topi"))
        assert imported.edge_tpu == compiled
        if not compiled:
            embedding = Model(imported.file).infer(photo).embedding
            assert embedding is not None
            vectors.append(embedding.dequantize() / np.linalg.norm(embedding.dequantize()))
    # Measured 0.977 on average over photos, and 0.82 if the float model is given colours in [0, 1].
    assert vectors[0] @ vectors[1] > 0.93
    with pytest.raises(ModelError, match=r"converted_edgetpu\.tflite is compiled for the Edge TPU"):
        Classifier(tmp_path / "converted_edgetpu.tflite")
    with pytest.raises(ModelError, match=r"which hides the tensors inside; import the .tflite file"):
        import_model(folder / "converted_edgetpu", tmp_path / "m.tflite", embedding="auto")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model_invoking_error.tflite", "unresolved custom op: fake-op-double"),
        (
            "mobilenet_v1_0.25_128_quant_edgetpu.tflite",
            "is compiled for the Edge TPU; use the .tflite file that it was",
        ),
        (
            "teachable_machine/converted_tflite/model_unquant.tflite",
            "takes float32 pixels .*; use its quantised version",
        ),
    ],
)
def test_an_unusable_published_model_is_refused_with_the_reason(shared: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        Classifier(shared / "models" / name)
    assert caught.value.hint
