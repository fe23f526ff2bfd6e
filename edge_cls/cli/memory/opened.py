"""The memory that a command works on, and the words for its examples."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from edge_cls.memory.store import Memory


@contextlib.contextmanager
def opened(path: Path, *, make: bool = False) -> Iterator[Memory]:
    """Open the memory at `path`. If it was damaged, report on stderr at the end how much was recovered.

    Raises MemoryFileError if it does not exist, unless `make` is set.
    """
    from edge_cls.errors import EdgeClsError
    from edge_cls.memory.store import Memory

    new = empty = not path.exists()
    if not make:
        existing_file(path)
    try:
        with Memory(path) as memory:
            try:
                yield memory
            finally:
                warn_of_recovery(memory)
                empty = not memory.classes()
    except EdgeClsError:
        if new and empty:  # nothing was written to the new file
            path.unlink(missing_ok=True)
        raise


def existing_file(path: Path) -> Path:
    """Return `path`. Raises MemoryFileError if there is no such file, which opening it would create."""
    from edge_cls.errors import MemoryFileError

    if not path.exists():
        raise MemoryFileError(f"{path} does not exist", hint="check the path, or teach first: 'edge-cls teach'")
    return path


def warn_of_recovery(memory: Memory) -> None:
    """Report on stderr how much was recovered, if the memory was damaged. Also if the command is quiet."""
    from edge_cls.errors import one_line

    if memory.recovered is not None:
        typer.echo(f"warning: {one_line(str(memory.recovered))}", err=True)


def count(number: int) -> str:
    """Return "1 example" or "2 examples"."""
    return f"{number} example{'' if number == 1 else 's'}"


def short(identity: str) -> str:
    """Return the first 8 characters of an id: usually they are unique."""
    return identity[:8]


def existing_class(memory: Memory, label: str) -> str:
    """Return `label` as the memory spells it. Raises MemoryFileError if there is no such class."""
    from edge_cls.errors import MemoryFileError

    classes = memory.classes()
    if label.strip() not in classes:
        known = ", ".join(list(classes)[:10]) or "none"
        raise MemoryFileError(f"{memory.path} has no class {label!r}", hint=f"choose one of its classes ({known})")
    return label.strip()
