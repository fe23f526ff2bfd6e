"""The numerics of the quantisation, on small networks with known results."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.model.file import read_model
from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.bias_correction import correct_biases
from edge_cls_tools.quantization.layer_noise import MAX_SQNR_DB, layer_noise, sqnr, worst_layers
from edge_cls_tools.quantization.layers import Layers, LayerwiseRun
from edge_cls_tools.quantization.ranges import Observed, min_error_ranges, min_max_ranges, observe, rounding_error
from tests.toy_model import BIAS, MIX, convolution


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)


def test_layers_one_by_one_give_what_the_whole_network_gives(tiny: Path) -> None:
    network = read_model(tiny).network
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    layers = Layers(network)
    run = LayerwiseRun(layers, list(images[:, None]))
    outputs = {layer.name: run.step(layer) for layer in layers.layers}
    interpreter = Interpreter(network)
    for index, image in enumerate(images):
        for tensor, expected in zip(interpreter.outputs, interpreter.invoke(image), strict=True):
            np.testing.assert_array_equal(outputs[tensor.name][index][0], expected)


def test_a_run_may_skip_layers_and_releases_activations_after_their_last_use(tiny: Path) -> None:
    layers = Layers(read_model(tiny).network)
    run = LayerwiseRun(layers, [np.zeros((1, 32, 32, 3), np.uint8)])
    last = layers.layers[-1]
    run.step(last)
    assert set(run.values) <= {*last.inputs, *last.outputs}


def test_a_float_layer_computes_the_convolution(pixels: Pixels) -> None:
    layers = Layers(convolution(quantized=False))
    (given,) = LayerwiseRun(layers, [normalize(pixels[:1])]).step(layers.layers[0])
    np.testing.assert_allclose(given, normalize(pixels[:1]) @ MIX.T + BIAS, atol=1e-5)


@given(st.floats(1e-6, 1e6), st.floats(0.001, 1000))
def test_sqnr_is_twenty_times_the_logarithm_of_the_ratio_of_amplitudes(amplitude: float, ratio: float) -> None:
    noise = amplitude / ratio
    assert sqnr(amplitude**2, noise**2) == pytest.approx(20 * math.log10(ratio), abs=1e-6)


def test_sqnr_of_no_noise_is_finite() -> None:
    assert sqnr(1.0, 0.0) == sqnr(0.0, 0.0) == MAX_SQNR_DB


def test_an_int8_layer_has_the_noise_of_its_steps_and_a_wrong_bias_shows(pixels: Pixels) -> None:
    exact = convolution(quantized=False)
    (right,) = layer_noise(exact, convolution(quantized=True), pixels)
    (wrong,) = layer_noise(exact, convolution(quantized=True, bias_error=0.2), pixels)
    assert (right.name, right.kind) == ("mix", "CONV_2D")
    assert right.sqnr == pytest.approx(right.own_sqnr, abs=1)
    assert right.sqnr > 30
    signal = float(np.mean(np.square(normalize(pixels) @ MIX.T + BIAS)))
    assert wrong.own_sqnr == pytest.approx(sqnr(signal, 0.2**2), abs=0.5)
    assert worst_layers([right, wrong], count=1) == [wrong]


@pytest.mark.parametrize("error", [0.3, -0.15])
def test_bias_correction_removes_a_shift(pixels: Pixels, error: float) -> None:
    exact = convolution(quantized=False)
    corrected = correct_biases(exact, convolution(quantized=True, bias_error=error), pixels)
    expected = (normalize(pixels) @ MIX.T + BIAS).mean(axis=(0, 1, 2))
    interpreter = Interpreter(corrected)
    means = np.mean([interpreter.invoke(image)[0] for image in pixels], axis=(0, 1, 2)) * interpreter.outputs[0].scale
    # At most the rounding of the output is left.
    np.testing.assert_allclose(means, expected, atol=2 / 255)
    (noise,) = layer_noise(exact, corrected, pixels)
    assert noise.sqnr > 30


def test_a_bias_is_shifted_by_real_numbers_in_its_channel_alone(pixels: Pixels) -> None:
    layers = Layers(convolution(quantized=True))
    bias = layers.layers[1].bias
    assert bias is not None
    layers.shift_bias(bias, np.array([0.5, 0.0], np.float32))
    before, after = Interpreter(convolution(quantized=True)), Interpreter(layers.pack())
    moved = after.invoke(pixels[0])[0].astype(int) - before.invoke(pixels[0])[0]
    np.testing.assert_allclose(moved[..., 0], 0.5 / (4 / 255), atol=1)
    np.testing.assert_array_equal(moved[..., 1], 0)


@given(arrays(np.float32, st.integers(1, 50), elements=st.integers(-4096, 4096).map(lambda n: n / 4096)))
def test_inside_the_range_the_rounding_error_is_at_most_half_a_step(values: NDArray[np.float32]) -> None:
    assert rounding_error(values, -1.0, 1.0) <= (0.5 * 2 / 255) ** 2 * (1 + 1e-3)


def test_min_max_ranges_hold_all_that_was_seen(pixels: Pixels) -> None:
    layers = Layers(convolution(quantized=False))
    values = normalize(pixels) @ MIX.T + BIAS
    given = min_max_ranges(observe(layers, pixels))[layers.layers[0].output]
    assert given == pytest.approx((values.min(), values.max()), abs=1e-5)


def test_min_error_ranges_clip_an_outlier_that_would_cost_all_others(pixels: Pixels) -> None:
    layers = Layers(convolution(quantized=False))
    mix = layers.layers[0].output
    calm = observe(layers, pixels)[mix]
    # Without outliers the range is nearly from minimum to maximum.
    assert min_error_ranges({mix: calm})[mix] == pytest.approx((calm.low, calm.high), rel=0.1)
    wild = Observed(calm.low, 4 * calm.high, np.append(np.tile(calm.sample, 1000), np.float32(4 * calm.high)))
    low, high = min_error_ranges({mix: wild})[mix]
    assert high < 4 * calm.high
    assert rounding_error(wild.sample, low, high) < rounding_error(wild.sample, wild.low, wild.high)
