"""An imported model computes the same outputs as before, and its file contains labels and normalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_cls import Classifier
from edge_cls.backends.litert import Interpreter
from edge_cls.errors import LabelError, ModelError
from edge_cls.model.file import read_model
from edge_cls.model.importing.importer import Imported, import_model
from edge_cls.model.model import Model
from tests.colors import color_frame
from tests.model.importing.foreign import (
    LABELS,
    PARSED,
    append_zip,
    float_network,
    int8_network,
    lobe_signature,
    write_zip,
)


def facts(imported: Imported) -> tuple[float, float, tuple[str, ...], int | None]:
    contract = imported.preprocessing
    return contract.mean, contract.std, imported.file.labels, imported.embedding


def best(model: Path, color: str) -> str | None:
    with Classifier(model) as classifier:
        return classifier.classify(color_frame(color)).label


def test_a_float_teachable_machine_zip_runs_as_it_was_trained(tmp_path: Path) -> None:
    files = {"model_unquant.tflite": float_network(tmp_path), "labels.txt": LABELS.encode()}
    source = write_zip(tmp_path / "converted_tflite.zip", files)
    imported = import_model(source, tmp_path / "m.tflite")
    assert (imported.maker, *facts(imported)) == ("Teachable Machine", 127.5, 127.5, PARSED, None)
    assert [best(tmp_path / "m.tflite", color) for color in ("red", "green", "blue")] == list(PARSED)


def test_an_unpacked_zip_gives_the_same_model(tmp_path: Path, tiny: Path) -> None:
    files = {"model.tflite": int8_network(tiny), "labels.txt": LABELS.encode()}
    (tmp_path / "folder").mkdir()
    for name, content in files.items():
        (tmp_path / "folder" / name).write_bytes(content)
    from_folder = import_model(tmp_path / "folder", tmp_path / "m.tflite", embedding="auto").file
    # Packed again by a person, the files lie in a folder of the ZIP.
    again = {f"converted/{name}": content for name, content in files.items()} | {"__MACOSX/._model.tflite": b"junk"}
    from_zip = import_model(write_zip(tmp_path / "again.zip", again), tmp_path / "m.tflite", embedding="auto").file
    assert from_zip.network == from_folder.network
    assert from_zip.labels == from_folder.labels == PARSED


def test_a_lobe_folder_sees_colours_from_0_to_1(tmp_path: Path) -> None:
    lobe = tmp_path / "Things TFLite"
    lobe.mkdir()
    (lobe / "signature.json").write_bytes(lobe_signature())
    (lobe / "saved_model.tflite").write_bytes(float_network(tmp_path))
    imported = import_model(lobe, tmp_path / "m.tflite", embedding="auto")
    assert (imported.maker, *facts(imported)) == ("Lobe", 0.0, 255.0, PARSED, 3)
    vector = Model(read_model(tmp_path / "m.tflite")).infer(np.full((8, 8, 3), (255, 0, 51), np.uint8)).embedding
    assert vector is not None
    np.testing.assert_allclose(vector.dequantize(), (1, 0, 0.2), atol=0.01)


@pytest.mark.parametrize("embedding", ["none", "auto"])
def test_the_probabilities_are_identical(tmp_path: Path, tiny: Path, embedding: str) -> None:
    network = int8_network(tiny)
    (tmp_path / "foreign.tflite").write_bytes(append_zip(network, {"my_labels.txt": LABELS.encode()}))
    imported = import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", embedding=embedding)
    before, after = Interpreter(network), Interpreter(imported.file.network)
    names = ["probability", "embedding"] if embedding == "auto" else ["probability"]
    assert [output.name for output in after.outputs] == names
    assert after.input.name == "image"
    for seed in range(20):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
        theirs = before.invoke(pixels)[0].astype(int) + 128  # they become uint8
        np.testing.assert_array_equal(after.invoke(pixels)[0], theirs)


def test_the_embedding_is_the_pooled_features_and_can_be_taught(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(int8_network(tiny))
    (tmp_path / "labels.txt").write_text(LABELS)
    labels = tmp_path / "labels.txt"
    imported = import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", labels=labels, embedding="auto")
    frame = color_frame("red")
    ours, theirs = Model(imported.file).infer(frame), Model(read_model(tiny)).infer(frame)
    assert ours.embedding is not None
    assert theirs.embedding is not None
    np.testing.assert_array_equal(ours.embedding.dequantize(), theirs.embedding.dequantize())
    with Classifier(tmp_path / "m.tflite", memory=tmp_path / "taught.db") as classifier:
        classifier.teach("mine", frame)
        assert classifier.classify(frame).label == "mine"


def test_without_labels_the_only_output_is_the_embedding(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(int8_network(tiny))
    with pytest.raises(ModelError, match=r"has no labels; give them \(--labels FILE\), or import its embedding alone"):
        import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite")
    assert not (tmp_path / "m.tflite").exists()
    model = Model(import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", embedding="auto").file)
    assert (model.teachable, model.classifies) == (True, False)


def test_a_tensor_can_be_named_as_the_embedding_and_a_wrong_name_is_refused_with_similar_ones(tmp_path: Path) -> None:
    (tmp_path / "toy.tflite").write_bytes(float_network(tmp_path))

    def embedding(name: str) -> int | None:
        options = {"mean": 0.0, "std": 255.0, "embedding": name}
        return import_model(tmp_path / "toy.tflite", tmp_path / "m.tflite", **options).embedding  # type: ignore[arg-type]

    assert embedding("logits") == 3
    with pytest.raises(ModelError, match=r"the tensor logit of .* does not exist; .* one such as logits"):
        embedding("logit")


def test_sums_of_a_last_layer_become_probabilities(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(LABELS)
    outputs = []
    for softmax in (True, False):
        (tmp_path / "foreign.tflite").write_bytes(float_network(tmp_path, softmax=softmax))
        options = {"labels": tmp_path / "labels.txt", "mean": 127.5, "std": 127.5}
        file = import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", **options).file  # type: ignore[arg-type]
        probability = Model(file).infer(color_frame("green")).probability
        assert probability is not None
        outputs.append(probability)
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.sum(outputs) == pytest.approx(2)


def test_the_normalisation_of_a_float_model_must_be_given(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(LABELS)
    # Somebody else's folder with the names of Teachable Machine's quantised export.
    (tmp_path / "model.tflite").write_bytes(float_network(tmp_path))
    (tmp_path / "toy.tflite").unlink()
    for source in (tmp_path / "model.tflite", tmp_path):
        with pytest.raises(ModelError, match=r"does not say how its pixels are normalised; .* 127\.5 for \[-1, 1\]"):
            import_model(source, tmp_path / "m.tflite", labels=tmp_path / "labels.txt")
    for mean, std in ((0.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(ModelError, match=r"cannot take pixels as .*; give other numbers: "):
            import_model(tmp_path, tmp_path / "m.tflite", mean=mean, std=std)
    imported = import_model(tmp_path, tmp_path / "out" / "m.tflite", mean=0, std=255)
    assert facts(imported)[:2] == (0, 255)


def test_labels_of_another_model_are_refused(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(int8_network(tiny))
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    with pytest.raises(ModelError, match="has 3 classes, but 2 labels"):
        import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", labels=tmp_path / "labels.txt")


def test_given_labels_replace_those_inside(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(append_zip(int8_network(tiny), {"labels.txt": b"x\ny\nz\n"}))
    (tmp_path / "labels.txt").write_text(LABELS)
    imported = import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", labels=tmp_path / "labels.txt")
    assert read_model(tmp_path / "m.tflite").labels == imported.file.labels == PARSED


def test_the_same_import_gives_the_same_bytes(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(int8_network(tiny))
    contents = []
    for _ in range(2):
        import_model(tmp_path / "foreign.tflite", tmp_path / "m.tflite", embedding="auto")
        contents.append((tmp_path / "m.tflite").read_bytes())
    assert contents[0] == contents[1]


BAD: dict[str, tuple[dict[str, bytes], str]] = {
    "no model": ({"labels.txt": b"a\n"}, "is not an export .* it holds no .tflite file"),
    "two models": ({"a.tflite": b"", "b.tflite": b"", "labels.txt": b"a\n"}, "it holds a.tflite, b.tflite; give the"),
    "no labels": ({"model.tflite": b""}, "is not an export of Teachable Machine"),
    "another zip": ({"inner.zip": b"PK"}, "holds another ZIP; unpack it"),
    "no network": ({"model.tflite": b"nothing", "labels.txt": b"a\n"}, "model.tflite in .* is damaged"),
    "a signature that is none": ({"signature.json": b"[]"}, "signature.json in .* is not a signature of Lobe"),
    "a signature without end": ({"signature.json": b"[" * 100_000}, "signature.json in .* is not a signature of Lobe"),
    "a Lobe export of another kind": ({"signature.json": lobe_signature(filename="model.onnx")}, "as TensorFlow Lite"),
    "a Lobe model elsewhere": ({"signature.json": lobe_signature(filename="/etc/x.tflite")}, "without its .tflite"),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD)
def test_files_that_are_not_an_export_are_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        import_model(write_zip(tmp_path / "export.zip", files), tmp_path / "m.tflite")
    assert caught.value.hint


def test_labels_that_are_not_text_are_refused(tmp_path: Path, tiny: Path) -> None:
    files = {"model.tflite": int8_network(tiny), "labels.txt": b"\xff\xfe"}
    with pytest.raises(LabelError, match=r"labels\.txt in .*export\.zip is not a UTF-8 text file"):
        import_model(write_zip(tmp_path / "export.zip", files), tmp_path / "m.tflite")


def test_a_model_of_edge_cls_cannot_be_imported(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(ModelError, match="is a model of edge-cls already"):
        import_model(tiny, tmp_path / "m.tflite")
