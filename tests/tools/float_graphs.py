"""Small float networks of single operators, written without TensorFlow, and their int8 versions."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.tflite.graph_writer import GraphWriter
from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.layers import Layers
from edge_cls_tools.quantization.quantizer import to_int8
from edge_cls_tools.quantization.ranges import min_max_ranges, observe


class Graph:
    """A float network that grows: each operator reads the tensors that it is given, and returns its output."""

    def __init__(self, shape: tuple[int, ...] = (1, 4, 4, 3)) -> None:
        self.writer = GraphWriter()
        self.image = self.writer.tensor("image", shape, "float32")

    def constant(self, values: Any, dtype: str = "float32") -> int:
        data = np.asarray(values, dtype)
        return self.writer.tensor(f"constant{data.sum()}", data.shape, dtype, data=data)

    def add(self, kind: str, inputs: list[int], shape: tuple[int, ...], options: Any = None, **fields: Any) -> int:
        for name, value in fields.items():
            setattr(options, name, value)
        output = self.writer.tensor(f"{kind} {shape}", shape, "float32")
        return self.writer.operator(kind, 1, inputs, output, options)

    def finish(self, output: int) -> bytes:
        return self.writer.finish({"image": self.image}, {"output": output})


def convolved(graph: Graph, source: int, channels: int, kernel: NDArray[Any], bias: Any, **fields: Any) -> int:
    """Add a CONV_2D with the padding SAME and a stride of 1, for 4 x 4 pixels."""
    inputs = [source, graph.constant(kernel), graph.constant(np.zeros(channels) if bias is None else bias)]
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    return graph.add("CONV_2D", inputs, (1, 4, 4, channels), options, **fields)


def quantized(network: bytes, pixels: Pixels) -> bytes:
    """Return the int8 version of `network` by the ranges of `pixels`, uint8 (n, height, width, 3)."""
    return to_int8(network, min_max_ranges(observe(Layers(network), pixels)))


def outputs(network: bytes, int8: bytes, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Return the outputs of both networks for `pixels`, and the step of the int8 one."""
    exact, interpreter = Interpreter(network), Interpreter(int8)
    output = interpreter.outputs[0]
    expected = np.stack([exact.invoke(image)[0] for image in normalize(pixels)])
    found = np.stack([dequantize(interpreter.invoke(image)[0], output.scale, output.zero_point) for image in pixels])
    return expected, found, output.scale
