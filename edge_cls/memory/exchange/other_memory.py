"""Reads the database of another memory without changing a byte of it."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

from edge_cls.errors import MemoryFileError
from edge_cls.memory.maintenance import copy_untouched
from edge_cls.memory.records import Example
from edge_cls.memory.store import Memory


def read_memory(path: Path) -> Generator[Example]:
    """Yield the examples of the memory at `path`. Raises MemoryFileError if it is damaged or not a memory."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "memory.db"
        copy_untouched(path, copied)
        with Memory(copied) as memory:
            problems = [str(memory.recovered)] if memory.recovered else memory.check()
            if problems:
                raise MemoryFileError(
                    f"{path} is damaged ({problems[0]})", hint=f"run 'edge-cls memory check --memory {path}'"
                )
            yield from memory.all_examples()
