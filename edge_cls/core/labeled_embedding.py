"""An example without its photo: the form in which heads learn it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_cls.core.quantization import QuantizedVector


@dataclass(frozen=True, eq=False)
class LabeledEmbedding:
    """An example as heads learn it: its identity, its label and its embedding.

    `taught_at`, in seconds since 1970, is None if it is not known. `copy_of`: the id of the example that it is an
    altered copy of. A copy is learnt, but it is not an example of its own: it is not counted or named, and it is
    removed with its example.
    """

    id: str
    label: str
    embedding: QuantizedVector
    taught_at: float | None = None
    copy_of: str | None = None
