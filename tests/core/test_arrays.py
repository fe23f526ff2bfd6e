"""A file of arrays is read, or refused with one kind of error, whichever byte is damaged."""

from __future__ import annotations

import io

import numpy as np
import pytest

from edge_cls.core.arrays import read_array, read_arrays


@pytest.fixture(params=[np.savez, np.savez_compressed], ids=["stored", "compressed"])
def content(request: pytest.FixtureRequest) -> bytes:
    file = io.BytesIO()
    request.param(file, numbers=np.arange(6.0).reshape(2, 3), name=np.array("text"))
    return file.getvalue()


def test_the_arrays_are_read_by_name(content: bytes) -> None:
    arrays = read_arrays(content)
    assert arrays.keys() == {"numbers", "name"}
    np.testing.assert_array_equal(arrays["numbers"], [[0, 1, 2], [3, 4, 5]])
    assert str(arrays["name"]) == "text"


@pytest.mark.parametrize("value", [0x02, 0x40, 0xFF])
def test_a_changed_byte_is_harmless_or_a_value_error(content: bytes, value: int) -> None:
    refused = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= value
        try:
            read_arrays(bytes(changed))
        except ValueError:
            refused += 1
    assert refused > len(content) // 2


@pytest.mark.parametrize("kept", [0, 10, 100, -1])
def test_a_file_that_is_cut_off_is_a_value_error(content: bytes, kept: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_arrays(content[:kept])


def test_objects_are_refused() -> None:
    file = io.BytesIO()
    np.savez(file, objects=np.array([{}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(file.getvalue())


def test_a_single_array_and_a_text_are_value_errors() -> None:
    file = io.BytesIO()
    np.save(file, np.arange(3))
    for content in (file.getvalue(), b"no arrays"):
        with pytest.raises(ValueError, match="zip"):
            read_arrays(content)


def test_a_single_array_is_read_or_a_value_error_whichever_byte_is_changed() -> None:
    file = io.BytesIO()
    np.save(file, np.arange(6, dtype=np.uint8).reshape(2, 3))
    content = file.getvalue()
    np.testing.assert_array_equal(read_array(content), [[0, 1, 2], [3, 4, 5]])
    refused = 0
    for place in range(len(content)):
        try:
            read_array(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
        except ValueError:
            refused += 1
    assert refused > 20
    for kept in (0, 10, len(content) - 1):
        with pytest.raises(ValueError, match=r"."):
            read_array(content[:kept])
