"""MediaPipe, an independent implementation, opens our models and gives the same results: make test-mediapipe."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_cls import Classifier
from edge_cls.images.reading import read_image
from edge_cls.memory.store import Memory
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model, write_model
from edge_cls.model.model import Model
from edge_cls.taught_model import make_taught_model
from tests.colors import COLORS, color_frame
from tests.commands import COMMAND

pytestmark = pytest.mark.mediapipe

CLIENT = Path(__file__).with_name("mediapipe_client.py")


def ask_mediapipe(model: Path, images: list[Path]) -> list[dict[str, Any]]:
    python = os.environ.get("MEDIAPIPE_PYTHON")
    if not python:
        pytest.skip("MEDIAPIPE_PYTHON names no Python with MediaPipe: run make test-mediapipe")
    done = subprocess.run([python, CLIENT, model, *images], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def save_frames(folder: Path, side: int) -> list[Path]:
    """Save pictures of the input size of a model, because MediaPipe resizes differently."""
    paths = []
    for color in COLORS:
        for seed in range(10):
            paths.append(folder / f"{color}{seed}.png")
            Image.fromarray(color_frame(color, seed, side)).save(paths[-1])
    return paths


def test_the_classifier_gives_the_labels_of_classify(tiny: Path, tmp_path: Path) -> None:
    images = save_frames(tmp_path, side=32)
    command = [COMMAND, "classify", str(tiny), *map(str, images), "--json"]
    ours = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["photos"]
    theirs = ask_mediapipe(tiny, images)
    for one, other in zip(ours, theirs, strict=True):
        label, score = other["classes"]["probability"][0]
        assert label == one["predictions"][0]["label"]
        assert score == pytest.approx(one["predictions"][0]["score"], abs=1 / 256)
    assert {one["predictions"][0]["label"] for one in ours} == set(COLORS)


def test_a_head_that_was_appended_on_the_device_is_read(tmp_path: Path) -> None:
    backbone = read_model(builtin_file("edge-embed.tflite"))
    images = save_frames(tmp_path, side=128)[::5]
    with Classifier(backbone.path, memory=tmp_path / "taught.db") as classifier:
        for image in images:
            classifier.teach(image.stem[:-1], read_image(image))
    with Memory(tmp_path / "taught.db") as memory:
        file = make_taught_model(memory, backbone, tmp_path / "taught.tflite").file
    write_model(file)
    model = Model(file)
    for image, answer in zip(images, ask_mediapipe(file.path, images), strict=True):
        ours = model.infer(read_image(image))
        assert ours.embedding is not None
        assert ours.probability is not None
        label, score = answer["classes"]["probability"][0]
        assert label == model.labels[ours.probability.argmax()] == image.stem[:-1]
        assert score == pytest.approx(ours.probability.max(), abs=2 / 256)
        step = ours.embedding.scale
        np.testing.assert_allclose(answer["embeddings"]["embedding"], ours.embedding.dequantize(), atol=1.01 * step)


def test_a_client_that_reads_only_the_first_head_finds_the_classes(tiny: Path, tmp_path: Path) -> None:
    (answer,) = ask_mediapipe(tiny, save_frames(tmp_path, side=32)[:1])
    assert list(answer["classes"]) == ["probability", "embedding"]


@pytest.mark.parametrize("which", ["tiny", "built-in"])
def test_the_embedder_gives_our_vector_within_a_step(tiny: Path, tmp_path: Path, which: str) -> None:
    path = tiny if which == "tiny" else builtin_file("edge-embed.tflite")
    model = Model(read_model(path))
    images = save_frames(tmp_path, side=model.contract.width)[::3]
    for image, answer in zip(images, ask_mediapipe(path, images), strict=True):
        ours = model.infer(read_image(image)).embedding
        assert ours is not None
        np.testing.assert_allclose(answer["embeddings"]["embedding"], ours.dequantize(), atol=1.01 * ours.scale)


def test_the_labels_of_a_published_model_are_those_that_mediapipe_names(shared: Path, tmp_path: Path) -> None:
    path = shared / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    images = save_frames(tmp_path, side=128)[::10]
    with Classifier(path) as classifier:
        ours = [classifier.classify(read_image(image)).label for image in images]
    theirs = [next(iter(answer["classes"].values()))[0][0] for answer in ask_mediapipe(path, images)]
    assert ours == theirs
