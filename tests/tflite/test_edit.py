"""The graph inside a model can be edited and written without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.tflite.edit import add_softmax, pack, portable_outputs, set_outputs
from edge_cls.tflite.graph import operators, tensor_info, unpack
from tests import toy_model
from tests.networks import converted

NETWORK = converted()


def test_a_packed_network_computes_the_same() -> None:
    packed = pack(unpack(NETWORK, "tiny"))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for ours, theirs in zip(Interpreter(packed).invoke(pixels), Interpreter(NETWORK).invoke(pixels), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_constants_are_aligned_as_the_schema_requires() -> None:
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
