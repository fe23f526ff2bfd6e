"""An example without its photo: the form in which heads learn it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_cls.core.quantization import QuantizedVector


@dataclass(frozen=True, eq=False)
class LabeledEmbedding:
    """An example as heads learn it: its identity, its label and its embedding."""

    id: str
    label: str
    embedding: QuantizedVector
