"""The graph inside a model can be looked at and edited without TensorFlow, and a damaged one is told."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.errors import ModelError
from edge_cls.model.file import read_model
from edge_cls.tflite import graph
from edge_cls.tflite.graph import (
    add_softmax,
    float_operators,
    operators,
    pack,
    portable_outputs,
    set_outputs,
    tensor_info,
    unpack,
)
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


def test_operators_tell_their_tensors() -> None:
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


def test_a_packed_network_computes_the_same() -> None:
    packed = pack(unpack(NETWORK, "tiny"))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for ours, theirs in zip(Interpreter(packed).invoke(pixels), Interpreter(NETWORK).invoke(pixels), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_constants_are_aligned_as_the_schema_asks() -> None:
    packed = pack(unpack(NETWORK, "tiny"))
    model = schema.Model.GetRootAs(packed, 0)
    whole = np.frombuffer(packed, np.uint8)
    starts = [
        model.Buffers(index).DataAsNumpy().ctypes.data
        for index in range(model.BuffersLength())
        if model.Buffers(index).DataLength()
    ]
    assert len(starts) > 5
    assert {(start - whole.ctypes.data) % 16 for start in starts} == {0}


def test_the_signature_follows_the_outputs() -> None:
    model = unpack(NETWORK, "tiny")
    probability = model.subgraphs[0].outputs[-1]
    set_outputs(model, {"probability": probability})
    (signature,) = unpack(pack(model), "tiny").signatureDefs
    assert [(entry.name, entry.tensorIndex) for entry in signature.outputs] == [(b"probability", probability)]
    assert [entry.name for entry in signature.inputs] == [b"image"]


def probabilities(network: bytes, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the real numbers of the output `probability`."""
    interpreter = Interpreter(network)
    place = [output.name for output in interpreter.outputs].index("probability")
    tensor = interpreter.outputs[place]
    return dequantize(interpreter.invoke(pixels)[place], tensor.scale, tensor.zero_point)


def test_a_softmax_is_added_to_int8_sums_as_the_converter_would() -> None:
    model = unpack(NETWORK, "tiny")
    place = [operator.name for operator in operators(model)].index("SOFTMAX")
    (logits,) = operators(model)[place].inputs
    assert logits is not None
    del model.subgraphs[0].operators[place:]
    added = add_softmax(model, logits.index)
    set_outputs(model, {"probability": added})
    assert (tensor_info(model, added).scale, tensor_info(model, added).zero_point) == (1 / 256, -128)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(probabilities(pack(model), pixels), probabilities(NETWORK, pixels))


@given(st.lists(st.tuples(st.integers(0, len(NETWORK) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_network_is_told_or_whole_enough_to_be_walked(changes: list[tuple[int, int]]) -> None:
    content = bytearray(NETWORK)
    for place, byte in changes:
        content[place] = byte
    with contextlib.suppress(ModelError):
        operators(unpack(bytes(content), "damaged.tflite"))


@pytest.mark.parametrize("size", [0, 7, 8, 20, 500, 3000, len(NETWORK) - 1000])
def test_a_network_cut_off_is_told(size: int) -> None:
    with pytest.raises(ModelError, match=r"cut\.tflite is damaged .*; copy or download it again"):
        operators(unpack(NETWORK[:size], "cut.tflite"))


def test_a_list_that_points_at_the_same_part_again_and_again_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "_MOST", 100)
    model = unpack(toy_model.write_mean_color(tmp_path / "toy.tflite").read_bytes(), "toy")
    model.subgraphs[0].tensors = model.subgraphs[0].tensors * 101
    with pytest.raises(ModelError, match="it has a list of 101 parts"):
        unpack(pack(model), "bomb.tflite")


def test_an_index_that_points_at_nothing_is_refused(tmp_path: Path) -> None:
    model = unpack(toy_model.write_classifier(tmp_path / "toy.tflite").read_bytes(), "toy")
    model.subgraphs[0].operators[0].opcodeIndex = 7
    with pytest.raises(ModelError, match="its part 7 of 3 does not exist"):
        unpack(pack(model), "toy.tflite")


def test_a_graph_is_read_as_the_interpreter_sees_it(shared: Path) -> None:
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


@pytest.mark.parametrize("dtype", [toy_model.UINT8, toy_model.FLOAT32], ids=["uint8", "float32"])
def test_outputs_that_are_portable_already_stay_as_they_are(tmp_path: Path, dtype: int) -> None:
    network = toy_model.write_mean_color(tmp_path / "mean.tflite", dtype=dtype).read_bytes()
    assert portable_outputs(network) == network


def test_an_int8_output_becomes_a_uint8_one_of_the_same_name_and_numbers(tmp_path: Path) -> None:
    network = toy_model.write_mean_color(tmp_path / "mean.tflite", dtype=toy_model.INT8, side=8).read_bytes()
    before, after = Interpreter(network), Interpreter(portable_outputs(network))
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3).view(np.int8)
    (old,), (new,) = before.invoke(pixels), after.invoke(pixels)
    assert (str(old.dtype), str(new.dtype)) == ("int8", "uint8")
    assert after.outputs[0].name == before.outputs[0].name
    np.testing.assert_array_equal(
        dequantize(old, before.outputs[0].scale, before.outputs[0].zero_point),
        dequantize(new, after.outputs[0].scale, after.outputs[0].zero_point),
    )
    assert portable_outputs(portable_outputs(network)) == portable_outputs(network)
