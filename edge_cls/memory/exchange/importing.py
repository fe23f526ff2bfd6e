"""Imports examples into a memory, as one change or not at all."""

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
from edge_cls.memory.exchange.folder import FolderSource
from edge_cls.memory.exchange.other_memory import read_memory
from edge_cls.memory.exchange.validation import checked
from edge_cls.memory.records import Example, Merged
from edge_cls.memory.store import Memory


class Embedder(Protocol):
    """Makes examples from photos. A model is one."""

    space: str

    def crop(self, frame: Frame) -> bytes:
        """Return the crop of a frame that is stored, as a JPEG."""
        ...

    def embed(self, crop: bytes) -> QuantizedVector:
        """Return the embedding of a crop."""
        ...


@dataclass(frozen=True)
class Imported:
    """The result of an import.

    `problems`: the photos and folders that were skipped. `missing`: the number of exported photos that are gone.
    """

    merged: Merged
    problems: tuple[EdgeClsError, ...] = ()
    missing: int = 0


def import_into(memory: Memory, source: Path, model: Callable[[str | None], Embedder], *, chosen: bool) -> Imported:
    """Merge `source`, a folder of photos or another memory, into `memory`.

    `model` returns the model for an embedding space, or for a memory without one. It is called only if a photo comes
    without an embedding of the memory's backbone. `chosen`: the user chose the model, so all embeddings must be of its
    space. Raises MemoryFileError if the source is neither a folder with photos nor a memory, or is damaged, and
    SpaceMismatch if the model is not that of the memory.
    """
    space = memory.space  # also for the crops that are made before it is agreed on
    folder = FolderSource(source, lambda frame: model(space).crop(frame)) if source.is_dir() else None
    known = memory.embeddings()[:1]
    dims = {space: len(known[0].embedding.values)} if known and space else {}

    def embed(crop: bytes) -> QuantizedVector:
        if model(space).space != space:
            raise SpaceMismatch(
                f"{source} has photos without an embedding of the backbone of {memory.path} ({str(space)[:12]})",
                hint="give the model that the memory was taught with (--model)",
            )
        return model(space).embed(crop)

    with contextlib.closing(folder.examples() if folder else _examples(source)) as found:
        space, examples = _space(memory, checked(found, str(source), dims=dims), model, chosen=chosen)
        merged = memory.merge(examples, space=space, embed=embed)
    return Imported(merged, tuple(folder.problems), folder.missing) if folder else Imported(merged)


def _space(
    memory: Memory, examples: Iterator[Example], model: Callable[[str | None], Embedder], *, chosen: bool
) -> tuple[str, Iterable[Example]]:
    """Return the space for the memory: its own, else that of the first live example, else that of the model."""
    if chosen:
        return model(None).space, examples
    if memory.space is not None:
        return memory.space, examples
    read = []
    for example in examples:
        read.append(example)
        if example.space is not None or example.deleted_at is None:
            break
    space = (read[-1].space if read else None) or model(None).space
    return space, itertools.chain(read, examples)


def _examples(source: Path) -> Generator[Example]:
    try:
        with source.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise MemoryFileError(f"{source} does not exist", hint="check the path") from None
    except OSError as error:
        raise MemoryFileError(f"{source} cannot be read ({error.strerror})", hint="check its permissions") from error
    if start == b"SQLite format 3\0":
        return read_memory(source)
    raise MemoryFileError(
        f"{source} is neither a memory nor a folder",
        hint="give an export of 'edge-cls memory export' or a folder of photos",
    )
