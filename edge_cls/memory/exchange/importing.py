"""Examples from elsewhere taken into a memory: as one change, or not at all."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import EdgeClsError, MemoryFileError, SpaceMismatch
from edge_cls.images.preprocess import Frame
from edge_cls.memory.exchange.arrays import read_arrays
from edge_cls.memory.exchange.folder import FolderSource
from edge_cls.memory.exchange.other_memory import read_memory
from edge_cls.memory.exchange.validation import checked
from edge_cls.memory.records import Merged, Record
from edge_cls.memory.store import Memory


class Embedder(Protocol):
    """What makes examples of photos: a model."""

    space: str

    def crop(self, frame: Frame) -> bytes:
        """Return the crop that is kept of a frame, as a JPEG."""
        ...

    def embed(self, crop: bytes) -> QuantizedVector:
        """Return the embedding of a crop."""
        ...


@dataclass(frozen=True)
class Imported:
    """What came of an import. `problems` are photos that were passed over, `missing` counts those that are gone."""

    merged: Merged
    problems: tuple[EdgeClsError, ...] = ()
    missing: int = 0


def take_in(memory: Memory, source: Path, model: Callable[[], Embedder], *, chosen: bool) -> Imported:
    """Merge what is at `source` into `memory`: a folder of photos, arrays, or another memory.

    `model` gives the model, which is asked for only where a photo comes without an embedding of the memory's backbone.
    `chosen`: it was named by the user, so that everything shall be of its space. Raises MemoryFileError for a source
    that is none or is damaged, SpaceMismatch where the model is not that of the memory.
    """
    folder = FolderSource(source, lambda frame: model().crop(frame)) if source.is_dir() else None
    known = memory.examples()[:1]
    dims = {memory.space: len(known[0].embedding.values)} if known and memory.space else {}

    def embed(crop: bytes) -> QuantizedVector:
        if model().space != space:
            raise SpaceMismatch(
                f"{source} has photos without a vector of the backbone of {memory.path} ({space[:12]})",
                hint="give the model that it was taught with (--model)",
            )
        return model().embed(crop)

    with contextlib.closing(folder.records() if folder else _records(source)) as found:
        space, records = _space(memory, checked(found, str(source), dims=dims), model, chosen=chosen)
        merged = memory.merge(records, space=space, embed=embed)
    return Imported(merged, tuple(folder.problems), folder.missing) if folder else Imported(merged)


def _space(
    memory: Memory, records: Iterator[Record], model: Callable[[], Embedder], *, chosen: bool
) -> tuple[str, Iterable[Record]]:
    """Return the space that the memory is to have: its own, or that of the first example with one, or the model's."""
    if chosen:
        return model().space, records
    if memory.space is not None:
        return memory.space, records
    read = []
    for record in records:
        read.append(record)
        if record.space is not None or record.deleted_at is None:
            break
    space = (read[-1].space if read else None) or model().space
    return space, itertools.chain(read, records)


def _records(source: Path) -> Generator[Record]:
    try:
        with source.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise MemoryFileError(f"{source} does not exist", hint="check the path") from None
    except OSError as error:
        raise MemoryFileError(f"{source} cannot be read ({error.strerror})", hint="check its rights") from error
    if start == b"SQLite format 3\0":
        return read_memory(source)
    if start.startswith(b"PK"):
        return read_arrays(source)
    raise MemoryFileError(
        f"{source} is no memory, no .npz file and no folder",
        hint="give what 'edge-cls memory export' wrote, or a folder of photos",
    )
