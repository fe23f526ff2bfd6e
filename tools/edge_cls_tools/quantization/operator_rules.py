"""How the operators of a float network are quantised, as data.

The rules are those of TensorFlow Lite's 8-bit quantisation specification. The versions are the lowest with an int8
kernel (`tensorflow/lite/tools/versioning/op_version.cc`), which old runtimes and the Edge TPU's compiler know too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_cls.tflite.graph import Operator
from edge_cls.tflite.scales import Affine

_UNIT: Affine = (np.float32(1 / 256), -128)
"""Scale and zero point of probabilities; the kernels support no other."""


@dataclass(frozen=True)
class Rule:
    """The int8 version of an operator, and the scales that its kernel supports.

    `output` is the scale of the output: "own" for one from its range, "input" for that of the first input, "shared" for
    one from its range that all inputs must have too, or a fixed one. `kernel_axis` is the axis of the output channels
    if it has a kernel and a bias; `per_channel` is whether each channel may have a scale.
    """

    version: int
    output: Literal["own", "input", "shared"] | Affine = "own"
    kernel_axis: int | None = None
    per_channel: bool = True


RULES: dict[str, Rule] = {
    "ADD": Rule(2),
    "AVERAGE_POOL_2D": Rule(2, "input"),
    "CONCATENATION": Rule(2, "shared"),
    "CONV_2D": Rule(3, kernel_axis=0),
    "DEPTHWISE_CONV_2D": Rule(3, kernel_axis=3),
    "EXPAND_DIMS": Rule(1, "input"),
    # LiteRT also has scales per channel here, but neither the specification nor older runtimes do.
    "FULLY_CONNECTED": Rule(4, kernel_axis=0, per_channel=False),
    "HARD_SWISH": Rule(1),
    "LOGISTIC": Rule(2, _UNIT),
    "MAX_POOL_2D": Rule(2, "input"),
    "MEAN": Rule(2),
    "MUL": Rule(2),
    "PAD": Rule(2, "input"),
    "RELU": Rule(2),
    "RELU6": Rule(2),
    "RESHAPE": Rule(1, "input"),
    "SOFTMAX": Rule(2, _UNIT),
    "SQUEEZE": Rule(1, "input"),
    "SUB": Rule(2),
    "TRANSPOSE": Rule(2, "input"),
}


def int8_version(operator: Operator, scales: list[float], output: float) -> int:
    """Return the version of `operator` in int8 for the scales of its inputs and its output."""
    # A product whose scale is coarser than the output's needs a multiplier of 1 or more.
    if operator.name == "MUL" and scales[0] * scales[1] >= output:
        return 3
    if operator.name == "FULLY_CONNECTED" and operator.options.keepNumDims:
        return 5
    return RULES[operator.name].version
