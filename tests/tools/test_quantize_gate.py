"""A network that int8 represents badly: corrections reduce the loss, and too large a loss is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edge_cls.backends.litert import Interpreter
from edge_cls.core.manifest import Preprocessing
from edge_cls.model.file import read_model
from edge_cls_tools.io.batches import Pixels
from tests.commands import COMMAND

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.tensorflow
SIDE = 8


def reds(values: list[int]) -> Pixels:
    """Return one image for each value of red; green is 0 and blue is 128."""
    pixels = np.full((len(values), SIDE, SIDE, 3), (0, 0, 128), np.uint8)
    pixels[..., 0] = np.array(values, np.uint8)[:, None, None]
    return pixels


def spoiled(red: float, outlier: float) -> keras.Model:
    """Separates dark from bright red; a large weight on blue, which is constant, makes the int8 steps of red coarse."""
    import keras

    pixels = keras.Input((SIDE, SIDE, 3))
    mixing = keras.layers.Conv2D(2, 1, name="mixing")
    embedding = keras.layers.GlobalAveragePooling2D()(mixing(pixels))
    head = keras.layers.Dense(2, activation="softmax", name="head")
    probability = head(embedding)
    kernel = np.array([[red, -red], [0, 0], [outlier, outlier]], np.float32)
    mixing.set_weights([kernel.reshape(1, 1, 3, 2), np.zeros(2, np.float32)])
    head.set_weights([np.array([[-50, 50], [50, -50]], np.float32), np.zeros(2, np.float32)])
    return keras.Model(pixels, {"embedding": embedding, "probability": probability}, name="spoiled")


def test_bias_correction_is_kept_if_coarse_weights_shift_the_mean() -> None:
    from edge_cls_tools.quantization.convert import convert

    # Steps of 10 / 127: a red of 0.11 becomes 0.08, and the mean of bright photos is a quarter too small.
    made = convert(spoiled(red=0.11, outlier=10.0), reds(list(range(200, 250))))
    gains = {remedy.name: remedy.with_it - remedy.without for remedy in made.remedies}
    assert set(gains) == {"bias correction", "clipped ranges"}
    assert gains["bias correction"] > 6
    assert next(remedy for remedy in made.remedies if remedy.name == "bias correction").kept


def test_the_backbone_gives_the_same_embeddings_with_and_without_a_head() -> None:
    """The head is trained on the same embeddings as the device computes (ADR 8)."""
    import keras

    from edge_cls_tools.quantization.convert import convert
    from tests.data.make_models import tiny_backbone

    backbone = tiny_backbone()
    probability = keras.layers.Dense(3, activation="softmax", name="head")(backbone.output)
    whole = keras.Model(backbone.input, {"embedding": backbone.output, "probability": probability}, name="whole")
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    alone, together = (
        Interpreter(convert(network, images[:20]).int8)
        for network in (keras.Model(backbone.input, {"embedding": backbone.output}, name="alone"), whole)
    )
    place = [output.name for output in together.outputs].index("embedding")
    for image in images:
        np.testing.assert_array_equal(alone.invoke(image)[0], together.invoke(image)[place])


def test_an_int8_model_that_loses_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    from edge_cls_tools.run_directory import Run, RunPhoto, save_run

    values = [20, 30, 40, 50, 200, 210, 220, 230]
    photos = []
    for index, picture in enumerate(reds(values)):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
        photos.append(RunPhoto(path=tmp_path / f"{index}.png", label=int(values[index] > 128)))
    run = Run(
        backbone="spoiled",
        preprocessing=Preprocessing(SIDE, SIDE),
        seed=0,
        labels=("dark", "bright"),
        validation=tuple(photos),
        test=tuple(photos),
    )
    # A red of 0.03 is below half a step of 10 / 127, so int8 rounds it to 0.
    save_run(tmp_path / "run", run, spoiled(red=0.03, outlier=10.0), calibration=reds(list(range(10, 250, 5))))
    target, report = tmp_path / "model.tflite", tmp_path / "report.html"
    target.write_bytes(b"the old model")

    def quantize(*options: str) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, "--quiet", "quantize", str(tmp_path / "run"), "-o"]
        return subprocess.run([*command, str(target), *options], capture_output=True, text=True, check=False)

    refused = quantize("--json", "--report", str(report))
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: int8 loses 50.0 points of accuracy, allowed are 1: of 8 test photos")
    assert refused.stderr.count("\n") == 1
    assert target.read_bytes() == b"the old model"
    result = json.loads(refused.stdout)
    assert (result["float_accuracy"], result["int8_accuracy"], result["lost"]) == (1.0, 0.5, 4)
    assert min(result["layers"], key=lambda layer: layer["own_sqnr"])["kind"] == "CONV_2D"
    assert "4 are correct only in float" in report.read_text()

    forced = quantize("--force", "--calibration", "20")
    assert (forced.returncode, forced.stderr) == (0, "")
    file = read_model(target)
    assert [output.name for output in Interpreter(file.network).outputs] == ["probability", "embedding"]
    assert file.manifest is not None
    assert file.manifest.calibration is not None
    assert file.manifest.calibration.images == 20
    assert file.manifest.quantized is not None
    assert file.manifest.quantized.int8_accuracy == 0.5

    missing = quantize("--calibration", "49")
    assert (missing.returncode, missing.stderr.count("\n")) == (78, 1)
    assert "contains 48 calibration images, 49 were requested" in missing.stderr
