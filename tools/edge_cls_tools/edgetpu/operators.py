"""The operators that the Edge TPU supports, and the limits of each, as data.

The operators and limits are taken from Google Coral's documentation of runtime 14 and compiler 16.0, the latest
("TensorFlow models on the Edge TPU", supported operations). It does not mention operator versions: those here are the
latest of TensorFlow 2.5, which the runtime of that compiler is built on
(`tensorflow/lite/tools/versioning/runtime_version.cc`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edge_cls.tflite.graph import Operator, TensorInfo

MAX_SOFTMAX = 16_000
"""Maximum number of elements of a softmax."""


@dataclass(frozen=True)
class Problem:
    """The reason why an operator stays on the CPU, and a hint how to change that."""

    why: str
    hint: str


Limit = Callable[[Operator], Iterator[Problem]]


@dataclass(frozen=True)
class Supported:
    """A supported operator: its latest version, its limits, and the indices of inputs that must be constant."""

    version: int
    limits: tuple[Limit, ...] = ()
    constants: tuple[int, ...] = ()


def _no_activation(operator: Operator) -> Iterator[Problem]:
    if operator.options is not None and operator.options.fusedActivationFunction:
        yield Problem("it has a fused activation", "move the activation to a separate layer")


def _same_dilation(operator: Operator) -> Iterator[Problem]:
    if operator.options is not None and operator.options.dilationWFactor != operator.options.dilationHFactor:
        yield Problem("its dilation differs between height and width", "use the same dilation for both")


def _plain_dense(operator: Operator) -> Iterator[Problem]:
    if operator.options is not None and operator.options.weightsFormat:
        yield Problem("its weights are in the shuffled format", "convert with the default weights format")
    if operator.outputs[0].size != operator.outputs[0].shape[-1:][0]:
        yield Problem("its output has more than one dimension", "flatten the input of the dense layer")


def _zero_padding_only(operator: Operator) -> Iterator[Problem]:
    constants = [one for one in operator.inputs if one is not None and one.constant is not None]
    zeros = [one.constant is not None and np.all(one.constant == (one.zero_point & 0xFF)) for one in constants]
    if constants and (len(operator.inputs) != 2 or not all(zeros)):
        yield Problem(
            "it concatenates a constant other than zero padding", "use two inputs, of which only zeros are constant"
        )


def _not_the_batch(operator: Operator) -> Iterator[Problem]:
    axes = _numbers(operator.inputs[1])
    rank = len(_first(operator).shape)
    if any(axis % rank == 0 for axis in axes) and rank > 3:
        yield Problem("it reduces the batch axis", "reduce only other axes")


def _depth_in_fours(operator: Operator) -> Iterator[Problem]:
    shape = _first(operator).shape
    if any(axis % len(shape) == len(shape) - 1 for axis in _numbers(operator.inputs[1])) and shape[-1] % 4:
        yield Problem(f"it takes the mean over {shape[-1]} channels", "use a multiple of 4 channels")


def _no_batch_padding(operator: Operator) -> Iterator[Problem]:
    paddings = _numbers(operator.inputs[1])
    if len(paddings) >= 8 and any(paddings[:2]):
        yield Problem("it pads the batch axis", "pad only other axes")


def _no_batch_axis(operator: Operator) -> Iterator[Problem]:
    axis = operator.options.axis if operator.name == "PACK" else _numbers(operator.inputs[0])[0]
    if len(operator.outputs[0].shape) > 3 and axis % len(operator.outputs[0].shape) == 0:
        yield Problem("it operates along the batch axis", "use another axis")


def _alpha_by_channel(operator: Operator) -> Iterator[Problem]:
    alpha = operator.inputs[1]
    if alpha is not None and alpha.size != alpha.shape[-1]:
        yield Problem("its alpha has more than one dimension", "share it between all pixels: shared_axes=[1, 2]")


def _small_softmax(operator: Operator) -> Iterator[Problem]:
    tensor = _first(operator)
    if tensor.size != tensor.shape[-1]:
        yield Problem("its input has more than one dimension", "apply the softmax to one vector")
    elif tensor.size > MAX_SOFTMAX:
        yield Problem(f"its input has {tensor.size} elements", f"use at most {MAX_SOFTMAX} classes")


def _plain_slices(operator: Operator) -> Iterator[Problem]:
    masks = operator.options is not None and (operator.options.ellipsisMask or operator.options.newAxisMask)
    if masks or any(stride != 1 for stride in _numbers(operator.inputs[3])):
        yield Problem("it uses strides, an ellipsis or new axes", "use strides of 1, without ellipsis or new axes")


def _first(operator: Operator) -> TensorInfo:
    return operator.tensors[0]


def _numbers(tensor: TensorInfo | None) -> list[int]:
    """Return the values of an int32 constant, or an empty list if it is computed, which is reported separately."""
    if tensor is None or tensor.constant is None or tensor.type != "INT32":
        return []
    return [int(number) for number in np.frombuffer(tensor.constant.tobytes(), "<i4")]


SUPPORTED: dict[str, Supported] = {
    "ADD": Supported(3),
    "AVERAGE_POOL_2D": Supported(3, (_no_activation,)),
    "CONCATENATION": Supported(3, (_no_activation, _zero_padding_only)),
    "CONV_2D": Supported(5, (_same_dilation,), (1, 2)),
    "DEPTHWISE_CONV_2D": Supported(6, (_same_dilation,), (1, 2)),
    "EXPAND_DIMS": Supported(1, (), (1,)),
    "FULLY_CONNECTED": Supported(9, (_plain_dense,), (1, 2)),
    "L2_NORMALIZATION": Supported(2),
    "LOGISTIC": Supported(3),
    "LSTM": Supported(4),
    "MAXIMUM": Supported(4),
    "MAX_POOL_2D": Supported(3, (_no_activation,)),
    "MEAN": Supported(3, (_not_the_batch, _depth_in_fours), (1,)),
    "MINIMUM": Supported(4),
    "MUL": Supported(4),
    "PACK": Supported(3, (_no_batch_axis,)),
    "PAD": Supported(3, (_no_batch_padding,), (1,)),
    "PRELU": Supported(1, (_alpha_by_channel,), (1,)),
    "QUANTIZE": Supported(2),
    "REDUCE_MAX": Supported(3, (_not_the_batch,), (1,)),
    "REDUCE_MIN": Supported(3, (_not_the_batch,), (1,)),
    "RELU": Supported(3),
    "RELU6": Supported(3),
    "RELU_N1_TO_1": Supported(1),
    "RESHAPE": Supported(1, (), (1,)),
    "RESIZE_BILINEAR": Supported(4, (), (1,)),
    "RESIZE_NEAREST_NEIGHBOR": Supported(4, (), (1,)),
    "RSQRT": Supported(2),
    "SLICE": Supported(5, (), (1, 2)),
    "SOFTMAX": Supported(3, (_small_softmax,)),
    "SPACE_TO_DEPTH": Supported(2),
    "SPLIT": Supported(4, (_no_batch_axis,), (0,)),
    "SQUARED_DIFFERENCE": Supported(2),
    "SQUEEZE": Supported(2),
    "STRIDED_SLICE": Supported(5, (_plain_slices,), (1, 2, 3)),
    "SUB": Supported(5),
    "SUM": Supported(2, (_not_the_batch,), (1,)),
    "TANH": Supported(3),
    "TRANSPOSE": Supported(5, (), (1,)),
    "TRANSPOSE_CONV": Supported(3, (), (0, 1)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Supported(3),
}
