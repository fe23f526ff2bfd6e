"""Calibration: which numbers each tensor of a float network takes, and so which range its int8 twin covers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.layers import Layers, Walk

CHUNK = 16
"""Images on their way at once: all activations of a layer are in memory."""
KEPT = 1000
"""Numbers kept of each tensor and image to choose a range by."""
SHRINKS = np.linspace(1.0, 0.3, 29)
"""The shares of the extremes that a range is chosen from."""
_PASSING = {"PAD", "RESHAPE", "MAX_POOL_2D", "AVERAGE_POOL_2D", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS"}
"""Operators whose int8 kernels want one scale before and behind."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a tensor has held: its extremes, and a sample, float32 (n,)."""

    low: float
    high: float
    sample: NDArray[np.float32]


def observe(layers: Layers, pixels: Pixels) -> dict[int, Seen]:
    """Return what each float activation behind the input holds while `pixels` run through `layers`."""
    seen: dict[int, list[Seen]] = {}
    for start in range(0, len(pixels), CHUNK):
        walk = Walk(layers, list(normalize(pixels[start : start + CHUNK])[:, None]))
        for layer in layers.layers:
            outputs = walk.step(layer)
            if outputs[0].dtype == np.float32:
                seen.setdefault(layer.output, []).extend(_look(output) for output in outputs)
    return {
        tensor: Seen(
            min(part.low for part in parts),
            max(part.high for part in parts),
            np.concatenate([part.sample for part in parts]),
        )
        for tensor, parts in seen.items()
    }


def extreme_ranges(layers: Layers, seen: dict[int, Seen]) -> dict[int, tuple[float, float]]:
    """Return the range of each tensor from the least to the greatest number seen, with zero inside."""
    return dict(_with_input(layers, {tensor: _around_zero(s.low, s.high) for tensor, s in seen.items()}))


def closest_ranges(layers: Layers, seen: dict[int, Seen]) -> dict[int, tuple[float, float]]:
    """Return the ranges that bring the numbers seen through int8 with the least mean square error.

    A range may be smaller than the extremes: rare outliers are clipped, and all others get a finer step.
    """
    ranges = {tensor: _closest(s) for tensor, s in seen.items()}
    for layer in layers.layers:
        if layer.kind in _PASSING and layer.inputs[0] in ranges:
            ranges[layer.output] = ranges[layer.inputs[0]]
    return dict(_with_input(layers, ranges))


def rounding_error(values: NDArray[np.float32], low: float, high: float) -> float:
    """Return the mean square error of `values` that have been rounded to the 256 steps of [low, high], and clipped."""
    step = max(high - low, 1e-9) / 255
    rounded = np.clip(np.rint((values - low) / step), 0, 255) * step + low
    return float(np.mean(np.square(rounded - values)))


def _look(output: NDArray[np.float32]) -> Seen:
    values = output.reshape(-1)
    # The same random places each time: a stride could fall in step with the channels.
    chosen = np.random.default_rng(0).integers(0, values.size, KEPT) if values.size > KEPT else slice(None)
    return Seen(float(values.min()), float(values.max()), values[chosen])


def _closest(seen: Seen) -> tuple[float, float]:
    low, high = _around_zero(seen.low, seen.high)
    high = min((float(high * share) for share in SHRINKS), key=lambda end: rounding_error(seen.sample, low, end))
    low = min((float(low * share) for share in SHRINKS), key=lambda end: rounding_error(seen.sample, end, high))
    return low, high


def _around_zero(low: float, high: float) -> tuple[float, float]:
    # A tensor that was always zero still needs a step.
    return min(low, 0.0), max(high, 0.0, min(low, 0.0) + 1e-6)


def _with_input(layers: Layers, ranges: dict[int, tuple[float, float]]) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield `ranges` and that of the input: [-1, 1], so that its int8 values are the bytes of the pixels themselves.

    With the extremes of dark photos the device would have to rescale every frame, and would not know it.
    """
    yield layers.input, (-1.0, 1.0)
    yield from ranges.items()
