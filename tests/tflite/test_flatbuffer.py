"""A FlatBuffer is read as its library wrote it; a damaged or malicious one is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import ModelError
from edge_cls.tflite.flatbuffer import Table
from edge_cls.tflite.metadata import read_metadata
from edge_cls.tflite.metadata_schema import pack_metadata, unpack_metadata, vector_of_offsets

CONTENT = (Path(__file__).parents[1] / "data" / "tiny.tflite").read_bytes()


def build(*, children: int = 0) -> bytes:
    """Return a table: a number, a string, numbers, an empty slot, a table, and `children` references to that table."""
    builder: Any = flatbuffers.Builder(64)
    text = builder.CreateString("größer")
    builder.StartVector(4, 3, 4)
    for number in (3.5, -2.0, 1.0):
        builder.PrependFloat32(number)
    numbers = builder.EndVector()
    builder.StartObject(1)
    builder.PrependInt8Slot(0, 7, 0)
    child = builder.EndObject()
    several = vector_of_offsets(builder, [child] * children)
    builder.StartObject(6)
    builder.PrependInt32Slot(0, -5, 0)
    builder.PrependUOffsetTRelativeSlot(1, text, 0)
    builder.PrependUOffsetTRelativeSlot(2, numbers, 0)
    builder.PrependUOffsetTRelativeSlot(4, child, 0)
    builder.PrependUOffsetTRelativeSlot(5, several, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def test_every_kind_of_slot_is_read() -> None:
    table = Table.root(build(children=2))
    assert (table.number(0, "i"), table.text(1), table.numbers(2, "f")) == (-5, "größer", (1.0, -2.0, 3.5))
    assert table.numbers(2, "f", most=1) == (1.0,)
    child = table.table(4)
    assert child is not None
    assert child.number(0, "b") == 7
    assert [one.number(0, "b") for one in table.tables(5)] == [7, 7]


@pytest.mark.parametrize("slot", [3, 6, 1000])
def test_an_absent_slot_is_empty(slot: int) -> None:
    table = Table.root(build())
    assert (table.number(slot, "i", 9), table.text(slot), table.table(slot), list(table.tables(slot))) == (
        9,
        "",
        None,
        [],
    )


@pytest.mark.parametrize("content", [b"", b"short", bytes(8), b"\xff" * 64], ids=["empty", "short", "zeros", "ones"])
def test_bytes_that_are_not_a_flatbuffer_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="is damaged; copy the file again"):
        Table.root(content).text(0)


def test_a_table_with_endless_references_is_refused() -> None:
    table = Table.root(build(children=200_000))
    with pytest.raises(ModelError, match="is damaged"):
        list(table.tables(5))


@given(st.lists(st.tuples(st.integers(0, 8191), st.integers(0, 255)), min_size=1, max_size=40))
def test_changed_bytes_give_metadata_or_are_refused(changes: list[tuple[int, int]]) -> None:
    content = bytearray(CONTENT)
    for position, value in changes:
        content[position] = value
    with contextlib.suppress(ModelError):
        read_metadata(bytes(content))


@given(st.integers(0, len(CONTENT)))
def test_truncated_bytes_give_metadata_or_are_refused(size: int) -> None:
    with contextlib.suppress(ModelError):
        read_metadata(CONTENT[:size])


METADATA = pack_metadata({"name": "a", "subgraph_metadata": [{"custom_metadata": [{"name": "b", "data": b"c"}]}]})


@given(st.integers(8, len(METADATA) - 1), st.integers(0, 255))
def test_damaged_metadata_is_read_or_refused(position: int, value: int) -> None:
    content = bytearray(METADATA)
    content[position] = value
    with contextlib.suppress(ModelError):
        unpack_metadata(bytes(content))
