"""The int8 network: its layers, constants that are equal for all sizes, and scales that int32 and kernels can bear."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.lite0.calibrated import RANGES_FILE, SIZES, Calibrated, dump_calibrated, load_calibrated
from edge_cls.model.lite0.network import LAYERS, folded, output_sides
from edge_cls.model.lite0.quantized import quantized_network
from edge_cls.model.lite0.weights import Tensors, read_weights, weights_path
from edge_cls.model.names import SPACES
from edge_cls.tflite.content import content_sha256
from edge_cls.tflite.edit import portable_outputs
from edge_cls.tflite.graph import float_operators, operators, unpack
from edge_cls.tflite.scales import kernel_scales


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return read_weights(weights_path())


@pytest.fixture(scope="module")
def calibrated() -> Calibrated:
    return load_calibrated(builtin_file(RANGES_FILE).read_bytes())


def test_the_network_has_the_layers_of_the_paper() -> None:
    assert len(LAYERS) == 59
    assert sum(layer.channels for layer in LAYERS if layer.convolves) == 21_008
    assert sum(layer.kind == "add" for layer in LAYERS) == 9
    assert {output_sides(size)["head"] for size in SIZES} == {4, 5, 6, 7}


def test_batch_normalisation_is_folded(tensors: Tensors) -> None:
    depthwise = next(layer for layer in LAYERS if layer.kind == "depthwise")
    weights, bias = folded(tensors, depthwise)
    factor = tensors[f"{depthwise.norm}.weight"][5] / np.sqrt(tensors[f"{depthwise.norm}.running_var"][5] + 1e-3)
    assert weights.shape == (1, 3, 3, 32)
    np.testing.assert_allclose(weights[0, 1, 2, 5], tensors[depthwise.weights][5, 0, 1, 2] * factor, rtol=1e-6)
    mean, offset = tensors[f"{depthwise.norm}.running_mean"][5], tensors[f"{depthwise.norm}.bias"][5]
    np.testing.assert_allclose(bias[5], offset - mean * factor, rtol=1e-5)
    np.testing.assert_array_equal(folded(tensors, LAYERS[0])[0].shape, (32, 3, 3, 3))


def test_tensors_of_another_network_are_refused(tensors: Tensors, calibrated: Calibrated) -> None:
    for broken, says in (
        ({name: one for name, one in tensors.items() if name != "_bn0.bias"}, "_bn0.bias are missing"),
        ({**tensors, "_bn0.bias": np.zeros(31, np.float32)}, r"_bn0.bias are of shape \(31,\), expected \(32,\)"),
        ({**tensors, "_conv_head.weight": np.zeros((1280, 320), np.float32)}, r"of shape \(1280, 320\)"),
    ):
        with pytest.raises(ModelError, match=says):
            quantized_network(broken, calibrated, 128)


def test_the_size_changes_nothing_but_shapes(tensors: Tensors, calibrated: Calibrated) -> None:
    networks = [unpack(quantized_network(tensors, calibrated, size), "lite0") for size in (128, 224)]
    small, large = ([operator.tensors for operator in operators(network)] for network in networks)
    for one, other in zip(small, large, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            assert (ours.scale, ours.zero_point, ours.type, ours.name) == (
                theirs.scale, theirs.zero_point, theirs.type, theirs.name)  # fmt: skip
            np.testing.assert_equal(ours.constant, theirs.constant)


def test_all_of_it_is_int8_and_runs(tensors: Tensors, calibrated: Calibrated) -> None:
    network = quantized_network(tensors, calibrated, 128)
    assert float_operators(network) == []
    interpreter = Interpreter(network)
    image, embedding = interpreter.input, interpreter.outputs[0]
    assert (image.name, image.shape, image.zero_point) == ("image", (1, 128, 128, 3), 127)
    assert image.dtype == np.uint8
    assert image.scale == 1 / 128
    assert (embedding.name, embedding.shape) == ("embedding", (1, 1280))
    assert embedding.dtype == np.int8
    values = interpreter.invoke(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8))[0]
    assert len(np.unique(values)) > 50


def test_every_bias_fits_and_every_ratio_can_be_represented(tensors: Tensors, calibrated: Calibrated) -> None:
    model = unpack(quantized_network(tensors, calibrated, 128), "lite0")
    widened = 0
    for operator in operators(model):
        if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        source, kernel, bias = operator.inputs
        assert source is not None
        assert kernel is not None
        assert bias is not None
        assert bias.constant is not None
        scales = np.asarray(model.subgraphs[0].tensors[kernel.index].quantization.scale, np.float64)
        ratio = scales * source.scale / operator.outputs[0].scale
        assert ratio.min() >= 2.0**-25
        assert np.abs(bias.constant.view(np.int32).astype(np.int64)).max() <= 2**30 + 2**15
        assert kernel.constant is not None
        axis = 3 if operator.name == "DEPTHWISE_CONV_2D" else 0
        largest = np.abs(kernel.constant.view(np.int8).astype(int).reshape(kernel.shape)).max(
            axis=tuple(place for place in range(4) if place != axis)
        )
        widened += int((largest < 127).sum())
    assert 90 <= widened <= 200


def test_a_dead_channel_gets_a_scale_for_its_bias() -> None:
    weights = np.zeros((3, 1, 1, 4))
    weights[0], weights[1] = 1.27, 1e-9
    scales = kernel_scales(weights, np.array([1.0, 7.0, 0.0]), 0, 0.02, 0.05)
    assert scales[0] == np.float32(0.01)
    assert 2**29 < 7.0 / (0.02 * float(scales[1])) <= 2**30 * 1.0001
    assert scales[2] == np.float32(2.0**-24 * 2.5)


@pytest.mark.parametrize("size", SIZES)
def test_the_content_is_the_same_on_every_machine(tensors: Tensors, calibrated: Calibrated, size: int) -> None:
    """Whoever changes it makes every memory foreign that was taught on this backbone."""
    network = quantized_network(tensors, calibrated, size)
    assert content_sha256(network, "embedding") == SPACES[f"lite0-{size}"]
    assert content_sha256(portable_outputs(network), "embedding") == SPACES[f"lite0-{size}"]


def test_the_options_are_what_the_paper_says(tensors: Tensors, calibrated: Calibrated) -> None:
    found = operators(unpack(quantized_network(tensors, calibrated, 128), "lite0"))
    convolutions = [one for one in found if one.name in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    assert {one.options.padding for one in convolutions} == {schema.Padding.SAME}
    assert sum(one.options.strideH == one.options.strideW == 2 for one in convolutions) == 5
    relu6 = [one for one in convolutions if one.options.fusedActivationFunction == schema.ActivationFunctionType.RELU6]
    assert len(relu6) == 33
    assert {one.outputs[0].zero_point for one in relu6} == {-128}


def test_the_calibration_survives_its_file(calibrated: Calibrated) -> None:
    again = load_calibrated(dump_calibrated(calibrated))
    assert again.ranges == calibrated.ranges
    assert again.photos == calibrated.photos
    assert again.stranger_distances == calibrated.stranger_distances
    for name, shifts in calibrated.shifts.items():
        np.testing.assert_array_equal(again.shifts[name], shifts)
    assert len(builtin_file(RANGES_FILE).read_bytes()) <= 30 * 1024


def test_a_damaged_calibration_is_refused(calibrated: Calibrated) -> None:
    content = dump_calibrated(calibrated)
    damaged = [b"", b"nothing", content[:1000], content[:-30], b"\x93NUMPY" + bytes(50)]
    damaged += [content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :] for place in range(0, 600, 7)]
    for one in damaged:
        try:
            load_calibrated(one)
        except ModelError as error:
            assert "lite0-ranges.npz is damaged" in str(error)  # noqa: PT017 - the checksum of a ZIP skips some bytes
    for one in damaged[:5]:
        with pytest.raises(ModelError):
            load_calibrated(one)
    name = LAYERS[3].name
    for ends in ((0.5, 1.0), (-1.0, 0.0), (0.0, float("nan"))):
        wrong = Calibrated({**calibrated.ranges, name: ends}, calibrated.shifts, calibrated.photos,
                           calibrated.stranger_distances)  # fmt: skip
        with pytest.raises(ModelError, match="does not include 0"):
            load_calibrated(dump_calibrated(wrong))
    wrong = Calibrated(calibrated.ranges, calibrated.shifts, calibrated.photos, dict.fromkeys(SIZES, 3.0))
    with pytest.raises(ModelError, match="cosine distance"):
        load_calibrated(dump_calibrated(wrong))
