"""A small float network for each operator that can be quantised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.tools.float_graphs import Graph, convolved

Build = Callable[[Graph, np.random.Generator], int]
"""Adds operators with random weights to a graph, and returns the output."""


def kernel(random: np.random.Generator, shape: tuple[int, ...], outputs_axis: int = 0) -> Any:
    """Return weights whose absolute values add up to 1 for each output, so that errors of the input do not grow."""
    values = random.normal(size=shape)
    return values / np.abs(values).sum(axis=tuple(i for i in range(len(shape)) if i != outputs_axis), keepdims=True)


def mixed(graph: Graph, random: np.random.Generator, **fields: Any) -> int:
    """Add a CONV_2D of the image."""
    return convolved(graph, graph.image, 5, kernel(random, (5, 3, 3, 3)), random.normal(0, 0.2, 5), **fields)


def _depthwise(graph: Graph, random: np.random.Generator) -> int:
    options = schema.DepthwiseConv2DOptionsT()
    inputs = [graph.image, graph.constant(kernel(random, (1, 3, 3, 3), 3)), graph.constant(random.normal(size=3))]
    return graph.add("DEPTHWISE_CONV_2D", inputs, (1, 2, 2, 3), options, strideH=2, strideW=2, depthMultiplier=1)


def _dense(graph: Graph, random: np.random.Generator) -> int:
    flat = graph.add("RESHAPE", [graph.image, graph.constant([1, 48], "int32")], (1, 48), schema.ReshapeOptionsT())
    # Without a bias, as TensorFlow's converter leaves a dense layer whose bias is 0.
    inputs = [flat, graph.constant(kernel(random, (4, 48)))]
    return graph.add("FULLY_CONNECTED", inputs, (1, 4), schema.FullyConnectedOptionsT())


def _softmax(graph: Graph, random: np.random.Generator) -> int:
    return graph.add("SOFTMAX", [_dense(graph, random)], (1, 4), schema.SoftmaxOptionsT(), beta=1.0)


def _pool(kind: str) -> Build:
    def build(graph: Graph, _: np.random.Generator) -> int:
        fields = dict.fromkeys(("strideW", "strideH", "filterWidth", "filterHeight"), 2)
        return graph.add(kind, [graph.image], (1, 2, 2, 3), schema.Pool2DOptionsT(), **fields)

    return build


def _mean(graph: Graph, random: np.random.Generator) -> int:
    inputs = [mixed(graph, random), graph.constant([1, 2], "int32")]
    return graph.add("MEAN", inputs, (1, 5), schema.ReducerOptionsT())


def _pad(graph: Graph, _: np.random.Generator) -> int:
    paddings = graph.constant([[0, 0], [0, 1], [2, 0], [0, 0]], "int32")
    return graph.add("PAD", [graph.image, paddings], (1, 5, 6, 3), schema.PadOptionsT())


def _transpose(graph: Graph, _: np.random.Generator) -> int:
    order = graph.constant([0, 3, 1, 2], "int32")
    return graph.add("TRANSPOSE", [graph.image, order], (1, 3, 4, 4), schema.TransposeOptionsT())


def _squeezed(graph: Graph, _: np.random.Generator) -> int:
    more = graph.add("EXPAND_DIMS", [graph.image, graph.constant(1, "int32")], (1, 1, 4, 4, 3),
                     schema.ExpandDimsOptionsT())  # fmt: skip
    return graph.add("SQUEEZE", [more], (1, 4, 4, 3), schema.SqueezeOptionsT(), squeezeDims=[1])


def _concatenated(graph: Graph, random: np.random.Generator) -> int:
    inputs = [graph.image, mixed(graph, random)]
    return graph.add("CONCATENATION", inputs, (1, 4, 4, 8), schema.ConcatenationOptionsT(), axis=3)


def _of_two(kind: str, options: Any) -> Build:
    def build(graph: Graph, random: np.random.Generator) -> int:
        left = convolved(graph, graph.image, 3, kernel(random, (3, 3, 3, 3)), None)
        half = graph.add(kind, [left, graph.image], (1, 4, 4, 3), options())
        return graph.add(kind, [half, graph.constant(random.uniform(0.5, 0.9, 3))], (1, 4, 4, 3), options())

    return build


def _of_one(kind: str, options: Any = None) -> Build:
    def build(graph: Graph, random: np.random.Generator) -> int:
        wide = convolved(graph, graph.image, 5, 6 * kernel(random, (5, 1, 1, 3)), random.normal(0, 0.2, 5))
        return graph.add(kind, [wide], (1, 4, 4, 5), options() if options else None)

    return build


BUILDS: dict[str, Build] = {
    "ADD": _of_two("ADD", schema.AddOptionsT),
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "CONCATENATION": _concatenated,
    "CONV_2D": mixed,
    "DEPTHWISE_CONV_2D": _depthwise,
    "EXPAND_DIMS": _squeezed,
    "FULLY_CONNECTED": _dense,
    "HARD_SWISH": _of_one("HARD_SWISH", schema.HardSwishOptionsT),
    "LOGISTIC": _of_one("LOGISTIC"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "MEAN": _mean,
    "MUL": _of_two("MUL", schema.MulOptionsT),
    "PAD": _pad,
    "RELU": _of_one("RELU"),
    "RELU6": _of_one("RELU6"),
    "RESHAPE": _dense,
    "SOFTMAX": _softmax,
    "SQUEEZE": _squeezed,
    "SUB": _of_two("SUB", schema.SubOptionsT),
    "TRANSPOSE": _transpose,
}
