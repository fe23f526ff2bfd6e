"""The float EfficientNet-Lite0, and how close the int8 one of the committed calibration is to it."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.errors import ModelError
from edge_cls.images.reading import encode_png
from edge_cls.model.builtin import builtin_file
from edge_cls.model.lite0.build import contract
from edge_cls.model.lite0.calibrated import RANGES_FILE, SIZES, load_calibrated
from edge_cls.model.lite0.network import LAYERS
from edge_cls.model.lite0.quantized import quantized_network
from edge_cls.model.lite0.weights import read_weights, weights_path
from edge_cls_tools.io.batches import batches
from edge_cls_tools.quantization import lite0
from edge_cls_tools.quantization.layer_noise import sqnr
from edge_cls_tools.quantization.lite0 import biases, float_network, normalized, sharpest

TENSORS = read_weights(weights_path())


def photo_files(folder: Path, count: int) -> list[Path]:
    """Return pictures of blurred noise, the later the softer."""
    random = np.random.default_rng(0)
    for number in range(count):
        noise = random.integers(0, 256, (48, 48, 3), np.uint8)
        soft = cv2.GaussianBlur(cv2.resize(noise, (200, 200)), (0, 0), 1 + number)
        (folder / f"{number:02}.png").write_bytes(encode_png(np.asarray(soft, np.uint8)))
    return sorted(folder.iterdir())


def test_the_sharpest_photos_are_chosen_and_keep_their_order(tmp_path: Path) -> None:
    paths = photo_files(tmp_path, 6)
    assert sharpest([*paths[3:], *paths[:3]], 3) == paths[:3]


def test_the_committed_calibration_keeps_the_accuracy_of_float(shared: Path) -> None:
    folder = shared / "data" / "imagenet_val1300"
    with (folder / "labels.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])[1000:1040]
    truth = [int(row["index0_999"]) for row in rows]
    exact = Interpreter(float_network(TENSORS, 160))
    int8 = Interpreter(quantized_network(TENSORS, load_calibrated(builtin_file(RANGES_FILE).read_bytes()), 160))
    output = int8.outputs[0]
    signal = noise = 0.0
    right = [0, 0]
    done = 0
    for batch in batches([folder / "images" / row["file"] for row in rows], contract(160), lambda _: None):
        for pixels in batch:
            expected = exact.invoke(normalized(pixels))[0].reshape(-1)
            found = dequantize(int8.invoke(pixels)[0].reshape(-1), output.scale, output.zero_point)
            signal += float(np.sum(expected**2))
            noise += float(np.sum((found - expected) ** 2))
            for place, embedding in enumerate((expected, found)):
                scores = TENSORS["_fc.weight"] @ embedding + TENSORS["_fc.bias"]
                right[place] += int(scores.argmax()) == truth[done]
            done += 1
    assert sqnr(signal, noise) > 22.5
    assert min(right) >= 26
    assert abs(right[0] - right[1]) <= 2


def test_the_float_network_is_rejected_for_other_tensors() -> None:
    with pytest.raises(ModelError, match="are missing"):
        float_network({}, 128)


def test_the_script_writes_a_calibration_of_all_layers_and_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite0, "ROUNDS", 1)
    (tmp_path / "photos").mkdir()
    photo_files(tmp_path / "photos", 4)
    app = typer.Typer()
    app.command()(import_module("calibrate_lite0").main)
    arguments = [str(tmp_path / "photos"), "-o", str(tmp_path / "r.npz"), "--among", "3", "--count", "2"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "from 2 photos" in result.stdout
    made = load_calibrated((tmp_path / "r.npz").read_bytes())
    assert set(made.ranges) == {layer.name for layer in LAYERS}
    assert set(made.stranger_distances) == set(SIZES)
    assert made.photos.images == 2
    assert biases(quantized_network(TENSORS, made, 128)).keys() == made.shifts.keys()
    assert any(shift.any() for shift in made.shifts.values())
