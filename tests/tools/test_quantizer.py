"""Our own quantiser: every operator in int8 is close to the float one, and keeps the rules of its int8 kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_cls.backends.litert import Interpreter
from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ConversionError
from edge_cls.tflite.graph import Operator, float_operators, operators, unpack
from edge_cls_tools.io.batches import Pixels
from edge_cls_tools.quantization.operator_rules import RULES
from edge_cls_tools.quantization.pixel_input import int8_contract
from tests.tools.float_graphs import Graph, convolved, outputs, quantized
from tests.tools.operator_graphs import BUILDS, kernel, mixed

INPUT_STEP = 2 / 255


def some_pixels(seed: int = 0, shape: tuple[int, ...] = (6, 4, 4, 3)) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def found_operators(network: bytes) -> list[Operator]:
    return operators(unpack(network, "ours"))


def test_every_rule_is_tested() -> None:
    assert BUILDS.keys() == RULES.keys()


@pytest.mark.parametrize("kind", RULES)
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_each_operator_in_int8_is_close_to_the_float_one(kind: str, seed: int) -> None:
    graph, pixels = Graph(), some_pixels(seed)
    network = graph.finish(BUILDS[kind](graph, np.random.default_rng(seed)))
    int8 = quantized(network, pixels)
    expected, found, step = outputs(network, int8, pixels)
    # The convolution before some of them multiplies the error of the input by up to 6.
    assert np.abs(found - expected).max() <= 3 * step + 6 * INPUT_STEP
    assert np.sqrt(np.mean(np.square(found - expected))) <= step + INPUT_STEP
    assert float_operators(int8) == []
    assert kind in {operator.name for operator in found_operators(int8)}
    image, output = Interpreter(int8).input, Interpreter(int8).outputs[0]
    assert (image.name, output.name) == ("image", Interpreter(network).outputs[0].name)
    assert image.dtype == np.uint8
    assert output.dtype == np.int8


@pytest.mark.parametrize("kind", RULES)
def test_an_operator_has_the_lowest_version_and_scales_that_its_kernel_supports(kind: str) -> None:
    graph = Graph()
    int8 = quantized(graph.finish(BUILDS[kind](graph, np.random.default_rng(1))), some_pixels())
    for operator in found_operators(int8):
        rule = RULES.get(operator.name)
        if rule is None:
            assert (operator.name, operator.version) == ("QUANTIZE", 1)
            continue
        if operator.name in ("SOFTMAX", "LOGISTIC"):
            assert (operator.outputs[0].scale, operator.outputs[0].zero_point) == (1 / 256, -128)
        assert operator.version == rule.version
        output, *sources = (operator.outputs[0], *(tensor for tensor in operator.inputs if tensor is not None))
        affine = (output.scale, output.zero_point)
        if rule.output == "input":
            assert affine == (sources[0].scale, sources[0].zero_point)
        elif rule.output == "shared":
            assert {(source.scale, source.zero_point) for source in sources} == {affine}


def test_weights_have_a_scale_per_channel_except_in_dense_layers() -> None:
    for kind, scales in (("CONV_2D", 5), ("DEPTHWISE_CONV_2D", 3), ("FULLY_CONNECTED", 1)):
        graph = Graph()
        model = unpack(quantized(graph.finish(BUILDS[kind](graph, np.random.default_rng(1))), some_pixels()), "ours")
        (operator,) = (one for one in operators(model) if one.name == kind)
        source, weights, bias = operator.inputs
        assert source is not None
        assert weights is not None
        assert bias is not None
        tensors = model.subgraphs[0].tensors
        kernel_scales, bias_scales = (tensors[one.index].quantization.scale for one in (weights, bias))
        assert len(kernel_scales) == scales
        np.testing.assert_allclose(bias_scales, np.float32(source.scale) * kernel_scales, rtol=1e-6)
        assert (weights.type, bias.type) == ("INT8", "INT32")


def test_relu6_is_part_of_a_convolution_and_clips() -> None:
    graph = Graph()
    relu6 = schema.ActivationFunctionType.RELU6
    weights = np.full((1, 1, 1, 3), 5.0)
    network = graph.finish(convolved(graph, graph.image, 1, weights, [1.0], fusedActivationFunction=relu6))
    expected, found, step = outputs(network, quantized(network, some_pixels()), some_pixels())
    assert (found.min(), found.max()) == (0, pytest.approx(6))
    assert np.abs(found - expected).max() <= 2 * step + 15 * INPUT_STEP


def test_an_unknown_operator_is_named_with_what_to_use_instead() -> None:
    graph = Graph()
    network = graph.finish(graph.add("SIN", [graph.image], (1, 4, 4, 3)))
    with pytest.raises(ConversionError, match=r"SIN \(SIN \(1, 4, 4, 3\)\) has no rule for int8") as caught:
        quantized(network, some_pixels())
    assert "CONV_2D, DEPTHWISE_CONV_2D" in str(caught.value.hint)


def test_a_kernel_that_is_computed_is_refused() -> None:
    graph = Graph((1, 4))
    weights = graph.add("RELU", [graph.image], (1, 4))
    network = graph.finish(
        graph.add("FULLY_CONNECTED", [graph.image, weights], (1, 1), schema.FullyConnectedOptionsT())
    )
    with pytest.raises(ConversionError, match="has a parameter that is computed"):
        quantized(network, some_pixels(shape=(3, 4)))


def test_a_dead_channel_keeps_its_bias_and_the_others_their_precision() -> None:
    graph, random = Graph(), np.random.default_rng(0)
    weights = kernel(random, (3, 1, 1, 3))
    weights[1] = [1e-9, -1e-9, 0]
    network = graph.finish(convolved(graph, graph.image, 3, weights, [0.1, 7.0, -0.2]))
    expected, found, step = outputs(network, quantized(network, some_pixels()), some_pixels())
    np.testing.assert_allclose(found[..., 1], 7.0, atol=step)
    assert np.abs(found - expected).max() <= 2 * step


@pytest.mark.parametrize("bias", [3e4, -3e4])
def test_a_large_bias_fits_into_int32(bias: float) -> None:
    graph = Graph()
    weights = np.array([[1e-6, 1e-6, -1e-6], [0.5, 0.25, 0.25]]).reshape(2, 1, 1, 3)
    network = graph.finish(convolved(graph, graph.image, 2, weights, [bias, 0.0]))
    int8 = quantized(network, some_pixels())
    (operator,) = (one for one in found_operators(int8) if one.name == "CONV_2D")
    assert operator.inputs[2] is not None
    assert operator.inputs[2].constant is not None
    assert np.abs(operator.inputs[2].constant.view(np.int32).astype(np.int64)).max() <= 2**30
    expected, found, step = outputs(network, int8, some_pixels())
    assert np.abs(found - expected).max() <= 1.01 * step


def test_maps_of_one_pixel() -> None:
    graph, random = Graph((1, 1, 1, 3)), np.random.default_rng(0)
    options = schema.DepthwiseConv2DOptionsT()
    inputs = [graph.image, graph.constant(kernel(random, (1, 3, 3, 3), 3)), graph.constant(random.normal(size=3))]
    deep = graph.add("DEPTHWISE_CONV_2D", inputs, (1, 1, 1, 3), options, strideH=1, strideW=1, depthMultiplier=1)
    inputs = [deep, graph.constant([1, 2], "int32")]
    network = graph.finish(graph.add("MEAN", inputs, (1, 1, 1, 3), schema.ReducerOptionsT(), keepDims=True))
    pixels = some_pixels(shape=(8, 1, 1, 3))
    expected, found, step = outputs(network, quantized(network, pixels), pixels)
    assert np.abs(found - expected).max() <= 3 * step + INPUT_STEP


def test_tensors_that_are_always_zero_have_a_scale() -> None:
    graph = Graph()
    network = graph.finish(convolved(graph, graph.image, 1, np.zeros((1, 1, 1, 3)), [0.0]))
    _, found, _ = outputs(network, quantized(network, some_pixels()), some_pixels())
    assert not found.any()


def test_a_rescaling_at_the_beginning_becomes_the_scale_of_the_input() -> None:
    graph = Graph()
    factor, offset = graph.constant(127.5 / 128), graph.constant(0.5 / 128)
    scaled = graph.add("MUL", [graph.image, factor], (1, 4, 4, 3), schema.MulOptionsT())
    moved = graph.add("ADD", [scaled, offset], (1, 4, 4, 3), schema.AddOptionsT())
    network = graph.finish(convolved(graph, moved, 3, np.eye(3).reshape(3, 1, 1, 3), None))
    int8 = quantized(network, some_pixels())
    assert [operator.name for operator in found_operators(int8)] == ["QUANTIZE", "CONV_2D"]
    image = Interpreter(int8).input
    assert (image.scale, image.zero_point) == (1 / 128, 127)
    assert int8_contract(int8, Preprocessing(4, 4)) == Preprocessing(4, 4, mean=127, std=128)
    expected, found, step = outputs(network, int8, some_pixels())
    assert np.abs(found - expected).max() <= step


@pytest.mark.parametrize("constant", [[1.0, 2.0, 3.0], -1.0, 0.0])
def test_another_rescaling_stays_an_operator(constant: Any) -> None:
    graph = Graph()
    network = graph.finish(
        graph.add("MUL", [graph.image, graph.constant(constant)], (1, 4, 4, 3), schema.MulOptionsT())
    )
    int8 = quantized(network, some_pixels())
    assert [operator.name for operator in found_operators(int8)] == ["QUANTIZE", "MUL"]
    expected, found, step = outputs(network, int8, some_pixels())
    assert np.abs(found - expected).max() <= step + 3 * INPUT_STEP


def test_a_product_with_a_finer_output_needs_version_3() -> None:
    graph = Graph()
    wide = convolved(graph, graph.image, 3, 300 * np.eye(3).reshape(3, 1, 1, 3), None)
    near = graph.add("RELU", [wide], (1, 4, 4, 3))
    narrow = convolved(graph, graph.image, 3, -0.01 * np.eye(3).reshape(3, 1, 1, 3), None)
    bounded = graph.add("RELU", [narrow], (1, 4, 4, 3))
    network = graph.finish(graph.add("MUL", [near, bounded], (1, 4, 4, 3), schema.MulOptionsT()))
    (operator,) = (one for one in found_operators(quantized(network, some_pixels())) if one.name == "MUL")
    assert operator.version == 3


def test_a_shape_that_is_computed_from_the_batch_becomes_constant() -> None:
    graph = Graph()
    shape = graph.writer.tensor("shape", (4,), "int32")
    options = schema.ShapeOptionsT()
    options.outType = schema.TensorType.INT32
    graph.writer.operator("SHAPE", 1, [graph.image], shape, options)
    network = graph.finish(graph.add("RESHAPE", [graph.image, shape], (1, 4, 4, 3), schema.ReshapeOptionsT()))
    int8 = quantized(network, some_pixels())
    assert [operator.name for operator in found_operators(int8)] == ["QUANTIZE", "RESHAPE"]
    expected, found, _ = outputs(network, int8, some_pixels())
    assert np.abs(found - expected).max() <= INPUT_STEP


def test_concatenated_activations_get_one_scale_without_another_operator() -> None:
    graph, random = Graph(), np.random.default_rng(0)
    parts = [convolved(graph, graph.image, 2, gain * kernel(random, (2, 1, 1, 3)), None) for gain in (1, 3)]
    network = graph.finish(graph.add("CONCATENATION", parts, (1, 4, 4, 4), schema.ConcatenationOptionsT(), axis=3))
    names = [operator.name for operator in found_operators(quantized(network, some_pixels()))]
    assert names == ["QUANTIZE", "CONV_2D", "CONV_2D", "CONCATENATION"]


def test_the_input_is_the_byte_of_a_pixel_even_for_dark_photos() -> None:
    graph = Graph()
    network = graph.finish(mixed(graph, np.random.default_rng(0)))
    int8 = quantized(network, some_pixels() // 4)
    image = Interpreter(int8).input
    assert image.scale == pytest.approx(INPUT_STEP)
    assert image.zero_point == 127
    pixels = found_operators(int8)[0].outputs[0]
    assert (pixels.type, pixels.scale, pixels.zero_point) == ("INT8", image.scale, -1)
    assert int8_contract(int8, Preprocessing(4, 4)) == Preprocessing(4, 4, mean=127.5, std=127.5)


def test_a_dense_layer_on_a_map_needs_version_5() -> None:
    graph = Graph()
    options = schema.FullyConnectedOptionsT()
    weights = graph.constant(kernel(np.random.default_rng(0), (2, 3)))
    network = graph.finish(
        graph.add("FULLY_CONNECTED", [graph.image, weights], (1, 4, 4, 2), options, keepNumDims=True)
    )
    int8 = quantized(network, some_pixels())
    assert found_operators(int8)[-1].version == 5
    expected, found, step = outputs(network, int8, some_pixels())
    assert np.abs(found - expected).max() <= step + INPUT_STEP
