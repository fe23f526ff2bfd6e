"""The graph inside a model is read without TensorFlow, and a damaged graph is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ModelError
from edge_cls.model.file import read_model
from edge_cls.tflite import graph
from edge_cls.tflite.edit import pack
from edge_cls.tflite.graph import constant_values, float_operators, operators, tensor_info, unpack
from edge_cls.tflite.graph_writer import GraphWriter
from tests import toy_model
from tests.networks import converted

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"
NETWORK = converted()


def test_a_full_int8_model_has_no_float_operator() -> None:
    assert float_operators(NETWORK) == []


def test_float_operators_are_named(shared: Path) -> None:
    unquantised = shared / "models" / "teachable_machine" / "converted_tflite" / "model_unquant.tflite"
    found = float_operators(read_model(unquantised).network)
    assert any(operator.startswith("DEPTHWISE_CONV_2D (") for operator in found)
    assert any(operator.startswith("SOFTMAX (") for operator in found)


def test_operators_list_their_tensors() -> None:
    found = operators(unpack(NETWORK, "tiny"))
    kinds = ["QUANTIZE", "CONV_2D", "CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    assert [operator.name for operator in found[:6]] == kinds
    convolution = found[1]
    assert convolution.version == 3
    pixels, weights, _ = convolution.inputs
    assert pixels is not None
    assert weights is not None
    assert (pixels.type, pixels.shape, pixels.constant) == ("INT8", (1, 32, 32, 3), None)
    assert (weights.type, weights.shape, weights.quantized, weights.scale) == ("INT8", (8, 3, 3, 3), True, 0.0)
    assert weights.constant is not None
    assert weights.constant.size == weights.size == 8 * 27


@given(st.lists(st.tuples(st.integers(0, len(NETWORK) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_network_is_refused_or_can_be_traversed(changes: list[tuple[int, int]]) -> None:
    content = bytearray(NETWORK)
    for place, byte in changes:
        content[place] = byte
    with contextlib.suppress(ModelError):
        operators(unpack(bytes(content), "damaged.tflite"))


@pytest.mark.parametrize("size", [0, 7, 8, 20, 500, 3000, len(NETWORK) - 1000])
def test_a_truncated_network_is_refused(size: int) -> None:
    with pytest.raises(ModelError, match=r"cut\.tflite is damaged .*; copy or download it again"):
        operators(unpack(NETWORK[:size], "cut.tflite"))


def test_a_list_that_repeats_a_part_too_often_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MAX_PARTS", 100)
    model = unpack(toy_model.write_mean_color(tmp_path / "toy.tflite").read_bytes(), "toy")
    model.subgraphs[0].tensors = model.subgraphs[0].tensors * 101
    with pytest.raises(ModelError, match="it has a list of 101 parts"):
        unpack(pack(model), "bomb.tflite")


def test_an_index_out_of_range_is_refused(tmp_path: Path) -> None:
    model = unpack(toy_model.write_classifier(tmp_path / "toy.tflite").read_bytes(), "toy")
    model.subgraphs[0].operators[0].opcodeIndex = 7
    with pytest.raises(ModelError, match="its part 7 of 3 does not exist"):
        unpack(pack(model), "toy.tflite")


def test_a_graph_has_the_tensors_that_the_interpreter_reports(shared: Path) -> None:
    for path in (TINY, *sorted((shared / "models").glob("*_p*q.tflite"))):
        content = read_model(path).network
        interpreter, model = Interpreter(content), unpack(content, path.name)
        indices = (*model.subgraphs[0].inputs, *model.subgraphs[0].outputs)
        for index, theirs in zip(indices, (interpreter.input, *interpreter.outputs), strict=True):
            ours = tensor_info(model, index)
            assert (ours.name, ours.shape, ours.type.lower()) == (theirs.name, theirs.shape, str(theirs.dtype))
            assert (ours.scale, ours.zero_point) == (theirs.scale, theirs.zero_point)


def test_a_custom_operator_has_its_own_name(shared: Path) -> None:
    compiled = (shared / "models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite").read_bytes()
    assert [operator.name for operator in operators(unpack(compiled, "compiled"))] == ["edgetpu-custom-op"]


def test_constants_are_read_as_numbers_in_their_shape() -> None:
    writer = GraphWriter()
    image = writer.tensor("image", (1, 2), "float32")
    numbers = writer.tensor("numbers", (2, 1), "int32", data=np.array([[3], [-4]]))
    cut = writer.tensor("cut", (3,), "float32", data=np.zeros(2))
    model = unpack(writer.finish({"image": image}, {"image": image}), "ours")
    found = constant_values(tensor_info(model, numbers))
    assert found is not None
    assert found.tolist() == [[3], [-4]]
    assert constant_values(tensor_info(model, image)) is None
    with pytest.raises(ModelError, match=r"8 bytes of cut are not FLOAT32 \(3,\)"):
        constant_values(tensor_info(model, cut))
