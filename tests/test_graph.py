"""The graph inside a model can be looked at without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from edge_cls.graph import float_operators
from edge_cls.model_file import read_model

TINY = Path(__file__).parent / "data" / "tiny.tflite"


def test_a_full_int8_model_has_no_float_operator() -> None:
    assert float_operators(read_model(TINY).network) == []


def test_float_operators_are_named(shared: Path) -> None:
    unquantised = shared / "models" / "teachable_machine" / "converted_tflite" / "model_unquant.tflite"
    found = float_operators(read_model(unquantised).network)
    assert any(operator.startswith("DEPTHWISE_CONV_2D (") for operator in found)
    assert any(operator.startswith("SOFTMAX (") for operator in found)
