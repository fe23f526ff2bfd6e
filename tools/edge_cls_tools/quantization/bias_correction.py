"""Bias correction: the mean shift that quantisation causes in each channel is compensated in the int32 biases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.io.batches import Normalize, Pixels, normalize
from edge_cls_tools.quantization.layers import Activations, Layers, LayerwiseRun, matched_layers

IMAGES = 32
"""Images that the channel means are taken over. On the built-in backbone, twice as many raised the cosine of the
embedding by only 0.0002."""
ROUNDS = 2
"""Corrections per layer: a ReLU6 passes a shift on only in part, and the second round corrects most of the rest."""


def correct_biases(
    float_network: bytes,
    int8_network: bytes,
    pixels: Pixels,
    *,
    images: int = IMAGES,
    rounds: int = ROUNDS,
    normalize: Normalize = normalize,
) -> bytes:
    """Return `int8_network` with biases that restore the mean of each output channel in `float_network`.

    The layers are corrected in order, `rounds` times each: the mean difference of the two outputs on the first `images`
    of `pixels`, uint8, is added to the int32 bias. `normalize` makes the input of the float network from them. A layer
    thus also compensates for the remaining errors of the layers before it (Nagel et al., "Data-Free Quantization
    Through Weight Equalization and Bias Correction", 2019, section 4.2, with means over images instead of those
    estimated from batch normalisation).
    """
    exact, int8 = Layers(float_network), Layers(int8_network)
    chosen = pixels[:images]
    exact_run = LayerwiseRun(exact, list(normalize(chosen)[:, None]))
    int8_run = LayerwiseRun(int8, list(chosen[:, None]))
    for int8_layer, float_layer in matched_layers(int8, exact):
        outputs = int8_run.step(int8_layer)
        if float_layer is None:
            continue
        expected = _channel_means(exact_run.step(float_layer))
        if int8_layer.bias is None:
            continue
        for _ in range(rounds):
            means = int8.real(int8_layer.output, _channel_means(outputs))
            int8.shift_bias(int8_layer.bias, np.asarray(expected - means, np.float32))
            outputs = int8_run.step(int8_layer)
    return int8.pack()


def _channel_means(outputs: Activations) -> NDArray[np.float64]:
    means = [output.reshape(-1, output.shape[-1]).mean(axis=0, dtype=np.float64) for output in outputs]
    return np.asarray(np.mean(means, axis=0), np.float64)
