"""The normalisation of pixels for a foreign model, from its TFLite Metadata or its input tensor."""

from __future__ import annotations

from dataclasses import dataclass

from edge_cls.errors import ModelError
from edge_cls.tflite.metadata_schema import Metadata


@dataclass(frozen=True)
class Normalization:
    """The network takes (byte - mean) / std for a byte of a pixel."""

    mean: float
    std: float

    def __str__(self) -> str:
        return f"(byte - {self.mean:g}) / {self.std:g}"


def of_quantized_input(scale: float, zero_point: int, *, signed: bool) -> Normalization:
    """Return the normalisation of an input tensor that takes the bytes of pixels, minus 128 if `signed`."""
    # The scale is a float32; its further digits are noise.
    return Normalization(zero_point + (128.0 if signed else 0.0), float(f"{1 / scale:.6g}"))


def of_metadata(metadata: Metadata, name: str) -> Normalization | None:
    """Return the normalisation in a model's TFLite Metadata; None if it has none.

    Raises ModelError, whose message calls the model `name`, if each colour has a normalisation of its own.
    """
    for graph in metadata.get("subgraph_metadata", [])[:1]:
        for tensor in graph.get("input_tensor_metadata", [])[:1]:
            for unit in tensor.get("process_units", []):
                if values := unit.get("options", {}).get("normalization"):
                    return _common(values.get("mean", []), values.get("std", []), name)
    return None


def _common(mean: list[float], std: list[float], name: str) -> Normalization:
    if len(set(mean)) != 1 or len(set(std)) != 1 or not std[0]:
        raise ModelError(
            f"{name} normalises each colour differently (mean {mean}, std {std})",
            hint="convert it again with one mean and one std, or choose them with --mean and --std",
        )
    return Normalization(mean[0], std[0])
