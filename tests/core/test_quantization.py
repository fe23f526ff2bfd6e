"""int8 and back: the error is at most half a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_cls.core.quantization import dequantize, quantize_vector

SCALE = st.integers(1, 1000).map(lambda n: n / 256)
FLOATS = st.integers(-1_000_000, 1_000_000).map(lambda n: n / 1024)


def any_vector(dtype: type[np.generic]) -> st.SearchStrategy[NDArray[Any]]:
    return arrays(dtype, st.integers(1, 40))


@given(st.one_of(any_vector(np.int8), any_vector(np.uint8)), SCALE, st.integers(-128, 255))
def test_dequantised_values_are_those_of_the_formula(values: NDArray[Any], scale: float, zero_point: int) -> None:
    real = dequantize(values, scale, zero_point)
    assert real.dtype == np.float32
    np.testing.assert_allclose(real, scale * (values.astype(np.float64) - zero_point), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_every_integer_output_is_stored_without_loss(dtype: type[np.integer[Any]]) -> None:
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)
    vector = quantize_vector(values, 0.1, 7)
    assert vector.values.dtype == np.int8
    np.testing.assert_array_equal(vector.dequantize(), dequantize(values, 0.1, 7))


@given(arrays(np.float32, st.integers(1, 40), elements=FLOATS))
def test_a_float_vector_is_restored_within_half_a_step(values: NDArray[np.float32]) -> None:
    vector = quantize_vector(values, 0.0, 0)
    step = np.abs(values).max() / 127
    assert vector.values.dtype == np.int8
    assert vector.values.min() >= -127
    assert np.abs(vector.dequantize() - values).max() <= step * (0.5 + 1e-4)


def test_a_float_vector_of_zeros_is_restored_exactly() -> None:
    np.testing.assert_array_equal(quantize_vector(np.zeros(3, np.float32), 0.0, 0).dequantize(), np.zeros(3))
