"""How a foreign model wants its pixels: (byte - mean) / std, as its TFLite Metadata or its input tensor tell it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_cls.errors import ModelError
from edge_cls.tflite.metadata_schema import Metadata


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


def of_metadata(metadata: Metadata, name: str) -> Normalization | None:
    """Return what a model's TFLite Metadata says, None where it says nothing.

    Raises ModelError where the colours are normalised each in their own way.
    """
    for graph in metadata.get("subgraph_metadata", [])[:1]:
        for tensor in graph.get("input_tensor_metadata", [])[:1]:
            for unit in tensor.get("process_units", []):
                if told := unit.get("options", {}).get("normalization"):
                    return _the_same_for_all(told.get("mean", []), told.get("std", []), name)
    return None


def _the_same_for_all(mean: list[float], std: list[float], name: str) -> Normalization:
    if len(set(mean)) != 1 or len(set(std)) != 1 or not std[0]:
        raise ModelError(
            f"{name} normalises each colour in its own way (mean {mean}, std {std})",
            hint="convert it again with one mean and one std, or choose them with --mean and --std",
        )
    return Normalization(mean[0], std[0])
