"""Find the embedding and the probability in a foreign graph."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from edge_cls.errors import ModelError
from edge_cls.tflite.graph import Operator, TensorInfo

_POOLING = ("MEAN", "AVERAGE_POOL_2D")
_SAME_VALUES = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")
_LOGITS = ("FULLY_CONNECTED", "CONV_2D")
_VECTOR_TYPES = ("INT8", "UINT8", "FLOAT32")


def find_embedding(graph: Sequence[Operator], wanted: str, name: str) -> TensorInfo:
    """Return the tensor `wanted`, or with `auto` the pooled features: the last MEAN or AVERAGE_POOL_2D over all pixels.

    Raises ModelError, whose message calls the model `name`, if there is no such tensor, or if it is not a vector.
    """
    computed = {tensor.name: tensor for operator in graph for tensor in operator.outputs}
    vectors = [tensor.name for tensor in computed.values() if _is_vector(tensor)]
    if wanted != "auto":
        if wanted in vectors:
            return computed[wanted]
        near = difflib.get_close_matches(wanted, vectors, n=3) or vectors[-3:]
        problem = "is not a vector of numbers" if wanted in computed else "does not exist"
        raise ModelError(
            f"the tensor {wanted} of {name} {problem}", hint=f"use --embedding auto, or one such as {', '.join(near)}"
        )
    pooled = [tensor for one in graph if one.name in _POOLING for tensor in one.outputs if _is_vector(tensor)]
    if not pooled:
        raise ModelError(
            f"{name} does not pool its features over all pixels, so that it has no embedding to find",
            hint=f"name the tensor (--embedding NAME), such as {', '.join(vectors[-3:]) or 'none of this model'}",
        )
    return pooled[-1]


def _is_vector(tensor: TensorInfo) -> bool:
    return bool(tensor.shape) and 1 < tensor.size == tensor.shape[-1] and tensor.type in _VECTOR_TYPES


def gives_logits(graph: Sequence[Operator], output: int) -> bool:
    """Return whether the tensor `output` holds logits: the sums of a last layer, without a softmax."""
    for operator in reversed(graph):
        if output in [tensor.index for tensor in operator.outputs]:
            if operator.name not in _SAME_VALUES or operator.inputs[0] is None:
                return operator.name in _LOGITS
            output = operator.inputs[0].index
    return False
