"""The schema of TFLite Metadata 1.5.0; its FlatBuffer is read and written as a `dict` whose keys are field names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers

from edge_cls.errors import ModelError
from edge_cls.tflite.flatbuffer import Table

IDENTIFIER = b"M001"
PARSER_VERSION = "1.5.0"
"""The version that introduced custom metadata, the latest part of the schema that is written here."""
LABELS_OF_AXIS = 2
"""The type TENSOR_AXIS_LABELS: an associated file with the labels of the values along an axis."""
RGB = 1
"""The color space RGB of an image tensor."""

Metadata = Mapping[str, Any]
_Schema = Mapping[str, Any]


@dataclass(frozen=True)
class _Union:
    """A field that is one of several tables; `members` are the known ones, name and schema by number."""

    members: Mapping[int, tuple[str, _Schema]]


# A schema lists the fields of a table in the order of their slots. The kind of a field is str, bytes, a format
# character of `struct` (a number), a schema (a table), a list of one of the last two (a vector), a `_Union` (which
# takes two slots), or None for a field that is neither read nor written.
_FILE: _Schema = {"name": str, "description": str, "type": "b", "locale": str, "version": str}
_PROCESS_UNIT: _Schema = {
    "options": _Union(
        {
            1: ("normalization", {"mean": ["f"], "std": ["f"]}),
            2: ("score_calibration", {"score_transformation": "b", "default_score": "f"}),
            3: ("score_thresholding", {"global_score_threshold": "f"}),
        }
    )
}
_CONTENT: _Schema = {
    "content_properties": _Union({1: ("feature", {}), 2: ("image", {"color_space": "b", "default_size": None})}),
    "range": {"min": "i", "max": "i"},
}
_TENSOR: _Schema = {
    "name": str,
    "description": str,
    "dimension_names": None,
    "content": _CONTENT,
    "process_units": [_PROCESS_UNIT],
    "stats": {"max": ["f"], "min": ["f"]},
    "associated_files": [_FILE],
}
_SUBGRAPH: _Schema = {
    "name": str,
    "description": str,
    "input_tensor_metadata": [_TENSOR],
    "output_tensor_metadata": [_TENSOR],
    "associated_files": [_FILE],
    "input_process_units": [_PROCESS_UNIT],
    "output_process_units": [_PROCESS_UNIT],
    "input_tensor_groups": None,
    "output_tensor_groups": None,
    "custom_metadata": [{"name": str, "data": bytes}],
}
_MODEL: _Schema = {
    "name": str,
    "description": str,
    "version": str,
    "subgraph_metadata": [_SUBGRAPH],
    "author": str,
    "license": str,
    "associated_files": [_FILE],
    "min_parser_version": str,
}


def pack_metadata(metadata: Metadata) -> bytes:
    """Return the FlatBuffer of `metadata`. Raises ValueError for a key that is not in the schema."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_pack(builder, _MODEL, {"min_parser_version": PARSER_VERSION, **metadata}), IDENTIFIER)
    return bytes(builder.Output())


def unpack_metadata(content: bytes) -> Metadata:
    """Return the metadata in a FlatBuffer, without empty fields. Raises ModelError if it is damaged."""
    if content[4:8] != IDENTIFIER:
        raise ModelError("the TFLite metadata is damaged", hint="make the model again, or attach its metadata again")
    return _unpack(Table.root(content), _MODEL)


def vector_of_offsets(builder: Any, offsets: list[int]) -> int:
    """Write a vector of `offsets`, and return its offset."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def aligned_bytes(builder: Any, content: bytes) -> int:
    """Write a vector of bytes that starts at a multiple of 16, and return its offset."""
    builder.Prep(16, len(content))
    return int(builder.CreateByteVector(content))


def _slots(schema: _Schema) -> Iterator[tuple[int, str, Any]]:
    """Yield the first slot, the name and the kind of each field."""
    slot = 0
    for name, kind in schema.items():
        yield slot, name, kind
        slot += 2 if isinstance(kind, _Union) else 1


def _pack(builder: Any, schema: _Schema, values: Metadata) -> int:
    """Write a table after its parts, and return its offset."""
    unknown = values.keys() - schema.keys()
    if unknown:
        raise ValueError(f"the schema has no {unknown}")
    placed: list[tuple[int, str, Any]] = []
    for slot, name, kind in _slots(schema):
        value = values.get(name)
        if value is None:
            continue
        if isinstance(kind, _Union):
            (chosen, inner), *_ = value.items()
            number, part = next((n, s) for n, (member, s) in kind.members.items() if member == chosen)
            placed += [(slot, "b", number), (slot + 1, "offset", _pack(builder, part, inner))]
        elif isinstance(kind, str):
            placed.append((slot, kind, value))
        else:
            placed.append((slot, "offset", _part(builder, kind, value)))
    builder.StartObject(max((slot + 1 for slot, _, _ in placed), default=0))
    prepend = {
        "b": builder.PrependInt8Slot,
        "i": builder.PrependInt32Slot,
        "f": builder.PrependFloat32Slot,
        "offset": builder.PrependUOffsetTRelativeSlot,
    }
    for place, letter, number in placed:
        prepend[letter](place, number, 0)
    return int(builder.EndObject())


def _part(builder: Any, kind: Any, value: Any) -> int:
    """Write a string, vector or table that another table points at, and return its offset."""
    if kind is str:
        return int(builder.CreateString(value))
    if kind is bytes:
        return aligned_bytes(builder, value)
    if isinstance(kind, Mapping):
        return _pack(builder, kind, value)
    if isinstance(kind[0], Mapping):
        return vector_of_offsets(builder, [_pack(builder, kind[0], one) for one in value])
    builder.StartVector(4, len(value), 4)
    for one in reversed(value):
        builder.PrependFloat32(one)
    return int(builder.EndVector())


def _unpack(table: Table, schema: _Schema) -> dict[str, Any]:
    """Return the fields of a table, without empty ones."""
    values = {
        name: _union(table, slot, kind) if isinstance(kind, _Union) else _value(table, slot, kind)
        for slot, name, kind in _slots(schema)
    }
    return {name: value for name, value in values.items() if value not in (None, 0, "", b"", [])}


def _union(table: Table, slot: int, union: _Union) -> dict[str, Any] | None:
    name, schema = union.members.get(table.number(slot, "B"), ("", {}))
    part = table.table(slot + 1) if name else None
    return None if part is None else {name: _unpack(part, schema)}


def _value(table: Table, slot: int, kind: Any) -> Any:
    if kind is None:
        return None
    if kind is str:
        return table.text(slot)
    if kind is bytes:
        return table.data(slot)
    if isinstance(kind, str):
        return table.number(slot, kind)
    if isinstance(kind, Mapping):
        part = table.table(slot)
        return None if part is None else _unpack(part, kind)
    if isinstance(kind[0], str):
        return list(table.numbers(slot, kind[0]))
    return [_unpack(one, kind[0]) for one in table.tables(slot)]
