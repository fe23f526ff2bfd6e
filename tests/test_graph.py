"""The graph inside a model can be looked at, and edited, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_cls.core.quantization import dequantize
from edge_cls.graph import float_operators, portable_outputs
from edge_cls.interpreter import Interpreter
from edge_cls.model_file import read_model
from edge_cls.network import read_network
from tests import toy_model

TINY = Path(__file__).parent / "data" / "tiny.tflite"


def test_a_full_int8_model_has_no_float_operator() -> None:
    assert float_operators(read_model(TINY).network) == []


def test_float_operators_are_named(shared: Path) -> None:
    unquantised = shared / "models" / "teachable_machine" / "converted_tflite" / "model_unquant.tflite"
    found = float_operators(read_model(unquantised).network)
    assert any(operator.startswith("DEPTHWISE_CONV_2D (") for operator in found)
    assert any(operator.startswith("SOFTMAX (") for operator in found)


def test_a_network_is_read_as_the_interpreter_sees_it(shared: Path) -> None:
    for path in (TINY, *sorted((shared / "models").glob("*_p*q.tflite"))):
        content = read_model(path).network
        interpreter, network = Interpreter(content), read_network(content)
        for ours, theirs in zip(
            (*network.inputs, *network.outputs), (interpreter.input, *interpreter.outputs), strict=True
        ):
            assert (ours.name, ours.shape, ours.dtype) == (theirs.name, theirs.shape, str(theirs.dtype))
            assert (ours.scale, ours.zero_point, ours.channels) == (theirs.scale, theirs.zero_point, 1)


def test_a_custom_operator_has_its_own_name(shared: Path) -> None:
    network = read_network((shared / "models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite").read_bytes())
    assert [operator.kind for operator in network.operators] == ["edgetpu-custom-op"]


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
