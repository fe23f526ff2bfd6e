"""How a foreign model wants its pixels: (byte - mean) / std, as its TFLite Metadata or its input tensor tell it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import flatbuffers
import numpy as np
from flatbuffers.number_types import Float32Flags, UOffsetTFlags
from flatbuffers.table import Table

from edge_cls.errors import ModelError


@dataclass(frozen=True)
class Normalization:
    """A network sees a pixel's byte as (byte - mean) / std."""

    mean: float
    std: float

    def __str__(self) -> str:
        return f"(byte - {self.mean:g}) / {self.std:g}"


def of_quantized_input(scale: float, zero_point: int, *, signed: bool) -> Normalization:
    """Return what an input tensor says whose values are the bytes themselves (signed: minus 128)."""
    # The scale is a float32, whose further digits are noise.
    return Normalization(zero_point + (128.0 if signed else 0.0), float(f"{1 / scale:.6g}"))


def of_metadata(content: bytes, name: str) -> Normalization | None:
    """Return what a model's TFLite Metadata (the FlatBuffer `ModelMetadata`) says, None where it says nothing.

    Raises ModelError for damaged metadata, and where the colours are normalised each in their own way.
    """
    try:
        values = _read(content)
    except (struct.error, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"the metadata of {name} is damaged ({error})", mend="download it again") from error
    if values is None:
        return None
    mean, std = values
    if len(mean) == 0 or len(std) == 0 or np.ptp(mean) or np.ptp(std) or not std.all():
        raise ModelError(
            f"{name} normalises each colour in its own way (mean {mean.tolist()}, std {std.tolist()})",
            mend="convert it again with one mean and one std, or choose them with --mean and --std",
        )
    return Normalization(float(mean[0]), float(std[0]))


# Slots of TFLite's metadata schema, in the order in which they lead from the root to the numbers.
_SUBGRAPHS, _INPUTS, _PROCESS_UNITS, _OPTIONS_TYPE, _OPTIONS, _NORMALIZATION = 3, 2, 4, 0, 1, 1


def _read(content: bytes) -> tuple[np.ndarray, np.ndarray] | None:
    root = Table(content, flatbuffers.encode.Get(UOffsetTFlags.packer_type, content, 0))
    for graph in _tables(root, _SUBGRAPHS)[:1]:
        for tensor in _tables(graph, _INPUTS)[:1]:
            for unit in _tables(tensor, _PROCESS_UNITS):
                kind, options = unit.Offset(4 + 2 * _OPTIONS_TYPE), unit.Offset(4 + 2 * _OPTIONS)
                if kind and options and unit.Bytes[unit.Pos + kind] == _NORMALIZATION:
                    table = Table(content, unit.Indirect(unit.Pos + options))
                    return _floats(table, 0), _floats(table, 1)
    return None


def _tables(table: Table, slot: int) -> list[Table]:
    offset = table.Offset(4 + 2 * slot)
    if not offset:
        return []
    count = min(table.VectorLen(offset), 100)
    return [Table(table.Bytes, table.Indirect(table.Vector(offset) + 4 * index)) for index in range(count)]


def _floats(table: Table, slot: int) -> np.ndarray:
    offset = table.Offset(4 + 2 * slot)
    return table.GetVectorAsNumpy(Float32Flags, offset) if offset else np.empty(0)
