"""An unusable model file or labels file is refused with the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls import Classifier
from edge_cls.core.manifest import Manifest, Preprocessing
from edge_cls.errors import LabelError, ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import ModelFile, read_model, write_model
from edge_cls.model.model import Model
from tests import toy_model


def write_without_manifest(tiny: Path, path: Path) -> Path:
    path.write_bytes(read_model(tiny).network)
    return path


def write_with_other_size(tiny: Path, path: Path) -> Path:
    model = read_model(tiny)
    assert model.manifest is not None
    preprocessing = dataclasses.replace(model.manifest.preprocessing, width=64)
    manifest = dataclasses.replace(model.manifest, preprocessing=preprocessing)
    write_model(dataclasses.replace(model, path=path, manifest=manifest))
    return path


def write_without_labels(tiny: Path, path: Path) -> Path:
    write_model(dataclasses.replace(read_model(tiny), path=path, labels=()))
    return path


UNUSABLE: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "float": (
        lambda _, path: toy_model.write_mean_color(path, dtype=toy_model.FLOAT32),
        "takes float32 pixels and does not say how they are normalised; use its quantised version",
    ),
    "two inputs": (lambda _, path: toy_model.write_two_inputs(path), "has 2 inputs, not one"),
    "two outputs": (
        write_without_manifest,
        "has no manifest and 2 outputs, so it is not clear which holds the classes",
    ),
    "other size": (write_with_other_size, "takes 32 x 32 pixels, but its manifest says 64 x 32"),
    "no labels": (write_without_labels, "has 3 classes, but 0 labels; give the labels file"),
}


@pytest.mark.parametrize(("write", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_model_that_cannot_serve_is_refused(
    tiny: Path, tmp_path: Path, write: Callable[[Path, Path], Path], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        Classifier(write(tiny, tmp_path / "model.tflite"))


def test_a_model_that_fails_while_it_runs_raises(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"fails when it runs .*gather index out of bounds"):
        Classifier(toy_model.write_failing(tmp_path / "model.tflite"))


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"red\ngreen\n", ModelError, "has 3 classes, but 2 labels; give the labels file that belongs to this model"),
        (b"", LabelError, "the labels file is empty"),
        (b"\xff\xfe\x00", LabelError, "is not a UTF-8 text file .*; write one label per line, UTF-8"),
        (None, LabelError, "does not exist; give the labels file of the model"),
    ],
    ids=["too few", "empty", "no text", "missing"],
)
def test_a_labels_file_that_does_not_fit_is_refused(
    tmp_path: Path, content: bytes | None, kind: type[Exception], message: str
) -> None:
    model = toy_model.write_mean_color(tmp_path / "mean.tflite")
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(kind, match=message):
        Classifier(model, labels=tmp_path / "labels.txt")


def seen_by(path: Path, mean: float, std: float, dtype: int) -> NDArray[np.float64]:
    """Return the input of a network for the bytes 0 to 255, if its manifest says (byte - mean) / std."""
    toy_model.write_mean_color(path, dtype=dtype, side=16)
    manifest = Manifest("toy", "toy", Preprocessing(16, 16, mean=mean, std=std), "a test")
    write_model(ModelFile(path, path.read_bytes(), manifest))
    frame = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    embedding = Model(read_model(path)).infer(frame).embedding
    assert embedding is not None
    return embedding.dequantize().reshape(256, 3)[:, 0].astype(np.float64)


@pytest.mark.parametrize("dtype", [toy_model.UINT8, toy_model.INT8], ids=["uint8", "int8"])
@pytest.mark.parametrize(("mean", "std"), [(0, 255), (127.5, 127.5), (0, 510), (255, -255), (10, 100)])
def test_the_input_of_a_quantised_model_follows_its_manifest(
    tmp_path: Path, mean: float, std: float, dtype: int
) -> None:
    # The toy's input represents [0, 1] in steps of 1/255: values outside are clipped.
    expected = np.clip((np.arange(256) - mean) / std, 0, 1)
    seen = seen_by(tmp_path / "toy.tflite", mean, std, dtype)
    assert np.abs(seen - expected).max() <= 0.501 / 255


@pytest.mark.parametrize("dtype", [toy_model.UINT8, toy_model.INT8], ids=["uint8", "int8"])
def test_bytes_within_a_step_of_the_manifests_values_are_used_unchanged(tmp_path: Path, dtype: int) -> None:
    seen = seen_by(tmp_path / "toy.tflite", 0.4, 254.6, dtype)
    np.testing.assert_allclose(seen, np.arange(256) / 255, atol=1e-6)


def test_the_input_of_a_float_model_follows_its_manifest(tmp_path: Path) -> None:
    seen = seen_by(tmp_path / "toy.tflite", 127.5, 127.5, toy_model.FLOAT32)
    # A float embedding is quantised to 255 steps on its way out.
    np.testing.assert_allclose(seen, (np.arange(256) - 127.5) / 127.5, atol=0.51 / 127)


def test_a_missing_built_in_file_is_reported() -> None:
    with pytest.raises(ModelError, match=r"lacks the built-in nothing\.tflite; install edge-cls again"):
        builtin_file("nothing.tflite")
