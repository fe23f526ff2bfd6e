"""Calibration: the quantisation range of each tensor, from the values it takes in the float network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.io.batches import Normalize, Pixels, normalize
from edge_cls_tools.quantization.layers import Layers, LayerwiseRun

CHUNK = 16
"""Images that run through the network at once; their activations of a layer must fit in memory."""
SAMPLES_PER_IMAGE = 1000
"""Values of each tensor that are sampled per image to choose a range."""
SHRINK_FACTORS = np.linspace(1.0, 0.3, 29)
"""Candidates for the ends of a range, as shares of the observed minimum and maximum."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The observed values of a tensor: minimum, maximum, and a random sample, float32 (n,)."""

    low: float
    high: float
    sample: NDArray[np.float32]


def observe(layers: Layers, pixels: Pixels, *, normalize: Normalize = normalize) -> dict[int, Observed]:
    """Return the values of each float activation, except the input, while `pixels`, uint8, run through `layers`.

    `normalize` makes the input of the network from them.
    """
    observed: dict[int, list[Observed]] = {}
    for start in range(0, len(pixels), CHUNK):
        run = LayerwiseRun(layers, list(normalize(pixels[start : start + CHUNK])[:, None]))
        for layer in layers.layers:
            outputs = run.step(layer)
            if outputs[0].dtype == np.float32:
                observed.setdefault(layer.output, []).extend(_sample(output) for output in outputs)
    return {
        tensor: Observed(
            min(part.low for part in parts),
            max(part.high for part in parts),
            np.concatenate([part.sample for part in parts]),
        )
        for tensor, parts in observed.items()
    }


def min_max_ranges(observed: Mapping[int, Observed]) -> dict[int, tuple[float, float]]:
    """Return the range of each tensor from its observed minimum to its maximum, extended to include zero."""
    return {tensor: _around_zero(values.low, values.high) for tensor, values in observed.items()}


def min_error_ranges(observed: Mapping[int, Observed]) -> dict[int, tuple[float, float]]:
    """Return the ranges with the least mean squared quantisation error on the observed values.

    A range may be smaller than from minimum to maximum: rare outliers are then clipped, and the other values get a
    finer step.
    """
    return {tensor: _min_error_range(values) for tensor, values in observed.items()}


def rounding_error(values: NDArray[np.float32], low: float, high: float) -> float:
    """Return the mean squared error of `values` after rounding to the 256 levels of [low, high] and clipping."""
    step = max(high - low, 1e-9) / 255
    rounded = np.clip(np.rint((values - low) / step), 0, 255) * step + low
    return float(np.mean(np.square(rounded - values)))


def _sample(output: NDArray[np.float32]) -> Observed:
    values = output.reshape(-1)
    # The same random positions each time; with a regular stride some channels could be missed.
    chosen = (
        np.random.default_rng(0).integers(0, values.size, SAMPLES_PER_IMAGE)
        if values.size > SAMPLES_PER_IMAGE
        else slice(None)
    )
    return Observed(float(values.min()), float(values.max()), values[chosen])


def _min_error_range(observed: Observed) -> tuple[float, float]:
    low, high = _around_zero(observed.low, observed.high)
    high = min(
        (float(high * share) for share in SHRINK_FACTORS), key=lambda end: rounding_error(observed.sample, low, end)
    )
    low = min(
        (float(low * share) for share in SHRINK_FACTORS), key=lambda end: rounding_error(observed.sample, end, high)
    )
    return low, high


def _around_zero(low: float, high: float) -> tuple[float, float]:
    # A tensor that is always zero still needs a positive step.
    return min(low, 0.0), max(high, 0.0, min(low, 0.0) + 1e-6)
