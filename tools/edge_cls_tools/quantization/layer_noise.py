"""Signal-to-quantisation-noise ratio (SQNR) of each layer of an int8 network, which shows where its error arises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.layers import Activations, Layers, LayerwiseRun, matched_layers

MAX_SQNR_DB = 120.0
"""Upper limit of a reported SQNR, in dB, if there is hardly any error or none."""


@dataclass(frozen=True)
class LayerNoise:
    """The SQNR of the output of an int8 layer against the float layer, in dB; 20 dB is a relative error of one tenth.

    `sqnr` is measured in the running network, so it includes the noise of all layers before. `own_sqnr` is measured on
    the layer alone: its inputs are the exact ones of the float layer, rounded to int8.
    """

    name: str
    kind: str
    sqnr: float
    own_sqnr: float


def layer_noise(float_network: bytes, int8_network: bytes, pixels: Pixels) -> tuple[LayerNoise, ...]:
    """Return the SQNR of each layer that both networks have, in order, measured on `pixels`, uint8."""
    exact, int8 = Layers(float_network), Layers(int8_network)
    exact_run = LayerwiseRun(exact, list(normalize(pixels)[:, None]))
    int8_run = LayerwiseRun(int8, list(pixels[:, None]))
    noise = []
    for int8_layer, float_layer in matched_layers(int8, exact):
        outputs = int8_run.step(int8_layer)
        if float_layer is None:
            continue
        expected = exact_run.step(float_layer)
        inputs = {
            int8_input: [int8.quantized(int8_input, value) for value in exact_run.values[float_input]]
            # The float layer may have a computed shape as its last input.
            for int8_input, float_input in zip(int8_layer.inputs, float_layer.inputs, strict=False)
        }
        alone = int8.run(int8_layer, inputs)[int8_layer.output]
        noise.append(
            LayerNoise(
                name=int8_layer.name.split(";")[0],  # the converter joins the names of fused layers
                kind=int8_layer.kind,
                sqnr=_sqnr(int8, int8_layer.output, expected, outputs),
                own_sqnr=_sqnr(int8, int8_layer.output, expected, alone),
            )
        )
    return tuple(noise)


def worst_layers(layers: Sequence[LayerNoise], *, count: int) -> list[LayerNoise]:
    """Return the `count` layers that add the most noise themselves, the noisiest first."""
    return sorted(layers, key=lambda layer: layer.own_sqnr)[:count]


def sqnr(signal: float, noise: float) -> float:
    """Return the ratio of two sums of squares in dB, 10 * log10(signal / noise), at most MAX_SQNR_DB."""
    if noise <= signal * 10 ** (-MAX_SQNR_DB / 10):
        return MAX_SQNR_DB
    return float(10 * np.log10(max(signal, np.finfo(np.float64).tiny) / noise))


def _sqnr(int8: Layers, tensor: int, expected: Activations, outputs: Activations) -> float:
    signal = noise = 0.0
    for exact, value in zip(expected, outputs, strict=True):
        signal += float(np.sum(np.square(exact, dtype=np.float64)))
        noise += float(np.sum(np.square(int8.real(tensor, value) - exact, dtype=np.float64)))
    return sqnr(signal, noise)
