"""A graph that is written here is read and run by the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_cls.backends.litert import Interpreter
from edge_cls.tflite.graph import operators, tensor_info, unpack
from edge_cls.tflite.graph_writer import GraphWriter


def test_a_written_graph_runs() -> None:
    writer = GraphWriter()
    image = writer.tensor("image", (1, 2), "float32")
    constant = writer.tensor("constant", (2,), "float32", data=np.array([1, -2], np.float64))
    total = writer.operator(
        "ADD", 1, [image, constant], writer.tensor("total", (1, 2), "float32"), schema.AddOptionsT()
    )
    again = writer.operator("ADD", 1, [total, total], writer.tensor("again", (1, 2), "float32"), schema.AddOptionsT())
    network = writer.finish({"image": image}, {"again": again})
    assert Interpreter(network).run(np.array([[3, 4]], np.float32))[0].tolist() == [[8, 4]]
    model = unpack(network, "ours")
    assert len(model.operatorCodes) == 1
    assert [entry.name for entry in model.signatureDefs[0].outputs] == [b"again"]
    assert [operator.name for operator in operators(model)] == ["ADD", "ADD"]


def test_scales_are_written_for_a_tensor_and_for_each_channel() -> None:
    writer = GraphWriter()
    plain = writer.tensor("plain", (1, 3), "int8", scale=np.float32(0.5), zero_point=-128)
    kernel = writer.tensor(
        "kernel", (3, 2), "int8", scale=np.arange(1, 4, dtype=np.float32), axis=0, data=np.ones((3, 2))
    )
    model = unpack(writer.finish({"plain": plain}, {"kernel": kernel}), "ours")
    one, other = tensor_info(model, plain), tensor_info(model, kernel)
    assert (one.scale, one.zero_point, one.constant) == (0.5, -128, None)
    assert (other.quantized, other.scale, other.type) == (True, 0.0, "INT8")
    assert other.constant is not None
    assert other.constant.tolist() == [1] * 6
    assert model.subgraphs[0].tensors[kernel].quantization.scale.tolist() == [1, 2, 3]


def test_an_operator_that_the_schema_lacks_is_a_bug() -> None:
    with pytest.raises(AttributeError):
        GraphWriter().operator("NO_SUCH", 1, [], 0)
