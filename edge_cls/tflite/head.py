"""Append a classifier to a backbone: the network stays as it is, and gets a second output.

Weights and activations are int8, with one scale for a tensor (B. Jacob et al., "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", 2018).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.errors import ModelError
from edge_cls.tflite.edit import add_softmax, make_portable, pack, set_outputs
from edge_cls.tflite.graph import TensorInfo, operators, tensor_info, unpack
from edge_cls.tflite.graph_writer import GraphWriter
from edge_cls.tflite.outputs import find_embedding
from edge_cls.tflite.prune import prune

EMBEDDING, PROBABILITY = "embedding", "probability"
_BELOW = 8.0
"""How far the range of logits extends below the lowest winning logit. A class that is further behind has a probability
below exp(-8) = 0.0003, a tenth of the output's step."""
_ABOVE, _LEAST_ABOVE = 0.25, 2.0
"""How far the range extends above the highest winning logit, because new photos may exceed it: a share of the distance
of the lowest winning logit, and at least so far."""
_LARGEST = 1e9
"""Bound of the numbers of a head: a logit of this size still has small steps in float64."""
_MIN_SCALE = 2.0**-80
"""Scale of a kernel of zeros; its product with the scale of the embedding must be above 0 in float32."""
_MAX_BIAS = 2**30
"""Steps of the largest int32 bias; the sum of the products needs the rest."""


def append_head(network: bytes, kernel: NDArray[Any], bias: NDArray[Any], logits: tuple[float, float]) -> bytes:
    """Return `network` with a linear classifier on its embedding: softmax(embedding @ kernel + bias).

    The outputs are `probability`, uint8 (1, classes), and `embedding`, whose numbers do not change, so that memories
    taught on `network` can be used with the result. Both are as `portable_outputs` makes them. An old classifier is
    removed. If `network` has no output `embedding`, it is the pooled features, as `find_embedding` finds them.

    `kernel`, float (dim, classes), and `bias`, float (classes,), apply to the real numbers of the embedding, which is
    int8 or uint8. `logits` are the lowest and the highest logit that the predicted class had on photos; the range of
    int8 logits is a little wider, so that it also suits other photos. Raises ModelError if the network has no such
    embedding, or if the kernel, the bias or the logits do not fit.
    """
    model = unpack(network, "the network")
    embedding = _embedding(model)
    _check(embedding, kernel, bias, logits)
    set_outputs(model, {EMBEDDING: embedding.index})
    prune(model)
    make_portable(model)
    index = model.subgraphs[0].outputs[0]
    writer = GraphWriter(model)
    source = _as_int8(model, writer, index)
    output = add_softmax(model, _add_layer(model, writer, source, kernel, bias, logits))
    set_outputs(model, {PROBABILITY: output, EMBEDDING: index})
    make_portable(model)
    return pack(model)


def _embedding(model: schema.ModelT) -> TensorInfo:
    outputs = [tensor_info(model, index) for index in model.subgraphs[0].outputs]
    named = [one for one in outputs if one.name == EMBEDDING]
    found = named[0] if named else find_embedding(operators(model), "auto", "the network")
    if found.type not in ("INT8", "UINT8") or not found.scale:
        raise ModelError(
            f"the embedding of the network is {found.type} and has no scale; a head needs an int8 or uint8 embedding",
            hint="use the int8 model of this backbone",
        )
    return found


def _check(embedding: TensorInfo, kernel: NDArray[Any], bias: NDArray[Any], logits: tuple[float, float]) -> None:
    if kernel.ndim != 2 or kernel.shape[0] != embedding.size or bias.shape != kernel.shape[1:] or len(bias) < 2:
        raise ModelError(
            f"a kernel {kernel.shape} and a bias {bias.shape} do not fit an embedding of {embedding.size} numbers: "
            f"expected ({embedding.size}, classes) and (classes,), with 2 classes or more",
            hint="fit the head on embeddings of this backbone",
        )
    if not all(np.abs(part).max() < _LARGEST for part in (kernel, bias, np.array(logits))):  # false for NaN too
        raise ModelError(
            f"the head has numbers that are not finite, or not below {_LARGEST:g}",
            hint="fit it again with a stronger regularisation",
        )
    if logits[0] > logits[1]:
        raise ModelError(f"the range of logits {logits} ends before it begins", hint="give the lowest one first")


def _as_int8(model: schema.ModelT, writer: GraphWriter, index: int) -> int:
    """Return the int8 tensor with the numbers of the tensor `index`, which is uint8; it is added if there is none."""
    target = tensor_info(model, index)
    for operator in operators(model):
        if operator.name == "QUANTIZE" and operator.outputs[0].index == index and operator.inputs[0] is not None:
            before = operator.inputs[0]
            # The same numbers, unless the operator also changes the scale.
            if (before.type, before.scale, before.zero_point) == ("INT8", target.scale, target.zero_point - 128):
                return before.index
    scale, zero_point = np.float32(target.scale), target.zero_point - 128
    source = writer.tensor("features", target.shape, "int8", scale=scale, zero_point=zero_point)
    return writer.operator("QUANTIZE", 2, [index], source, schema.QuantizeOptionsT())


def _add_layer(
    model: schema.ModelT,
    writer: GraphWriter,
    source: int,
    kernel: NDArray[Any],
    bias: NDArray[Any],
    logits: tuple[float, float],
) -> int:
    """Add the fully connected layer on the int8 tensor `source`; return the index of the int8 logits.

    The softmax does not depend on a number that is added to all logits. The bias is shifted so that the middle of the
    range of logits is 0.
    """
    low, high = logits[0] - _BELOW, logits[1] + max(_ABOVE * (logits[1] - logits[0]), _LEAST_ABOVE)
    shifted = bias.astype(np.float64) - (low + high) / 2
    step = tensor_info(model, source).scale
    # A scale that is wide enough for the bias in int32, whatever the weights are.
    widest = float(np.abs(shifted).max()) / (_MAX_BIAS * step)
    scale = np.float32(max(float(np.abs(kernel).max()) / 127, widest, _MIN_SCALE))
    weights = np.rint(kernel.T.astype(np.float64) / float(scale)).astype(np.int8)
    bias_step = np.float32(step) * scale
    steps = np.rint(shifted / float(bias_step)).astype(np.int32)
    inputs = [
        source,
        writer.tensor("head/kernel", weights.shape, "int8", scale=scale, data=weights),
        writer.tensor("head/bias", steps.shape, "int32", scale=bias_step, data=steps),
    ]
    output = writer.tensor("logits", (1, len(steps)), "int8", scale=np.float32((high - low) / 255))
    return writer.operator("FULLY_CONNECTED", 4, inputs, output, schema.FullyConnectedOptionsT())
