"""Signal-to-noise ratio of the layers of an int8 network: where its error comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.layers import Activations, Layers, Walk, pairs

MAX_SQNR_DB = 120.0
"""What is reported, in dB, where there is no error at all."""


@dataclass(frozen=True)
class LayerNoise:
    """How near the output of an int8 layer is to that of the float layer, in dB: 20 is an error of a tenth.

    `sqnr` is that of the network as it runs, with all that the layers before have added; `own_sqnr` that of the layer
    alone, which is given the exact inputs of the float layer, rounded to int8: what this layer adds.
    """

    name: str
    kind: str
    sqnr: float
    own_sqnr: float


def layer_noise(float_network: bytes, int8_network: bytes, pixels: Pixels) -> tuple[LayerNoise, ...]:
    """Return the noise of each layer that both networks have, in order, measured on `pixels`."""
    exact, int8 = Layers(float_network), Layers(int8_network)
    exact_walk, int8_walk = Walk(exact, list(normalize(pixels)[:, None])), Walk(int8, list(pixels[:, None]))
    found = []
    for ours, theirs in pairs(int8, exact):
        given = int8_walk.step(ours)
        if theirs is None:
            continue
        wanted = exact_walk.step(theirs)
        inputs = {
            mine: [int8.quantized(mine, value) for value in exact_walk.values[other]]
            for mine, other in zip(ours.inputs, theirs.inputs, strict=True)
        }
        alone = int8.run(ours, inputs)[ours.output]
        found.append(
            LayerNoise(
                name=ours.name.split(";")[0],  # the converter joins the names of all that it fused
                kind=ours.kind,
                sqnr=_sqnr(int8, ours.output, wanted, given),
                own_sqnr=_sqnr(int8, ours.output, wanted, alone),
            )
        )
    return tuple(found)


def worst_layers(layers: Sequence[LayerNoise], *, count: int) -> list[LayerNoise]:
    """Return the `count` layers that add most noise of their own, the worst first."""
    return sorted(layers, key=lambda layer: layer.own_sqnr)[:count]


def sqnr(signal: float, noise: float) -> float:
    """Return the ratio of two sums of squares in dB, 10 * log10(signal / noise), at most MOST."""
    if noise <= signal * 10 ** (-MAX_SQNR_DB / 10):
        return MAX_SQNR_DB
    return float(10 * np.log10(max(signal, np.finfo(np.float64).tiny) / noise))


def _sqnr(int8: Layers, tensor: int, wanted: Activations, given: Activations) -> float:
    signal = noise = 0.0
    for exact, value in zip(wanted, given, strict=True):
        signal += float(np.sum(np.square(exact, dtype=np.float64)))
        noise += float(np.sum(np.square(int8.real(tensor, value) - exact, dtype=np.float64)))
    return sqnr(signal, noise)
