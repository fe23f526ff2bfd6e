"""A folder that is there whole, or not at all, and photos put into it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edge_cls.errors import OutputError


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out` that becomes `out` at the end, and is removed where anything fails.

    Raises OutputError where `out` exists already and is no empty folder, or where the disk does not take it.
    """
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise OutputError(f"{out} exists already", hint="remove it, or name a new folder")
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(out)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error})", hint="check the disk and its rights") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def place(source: Path, target: Path, *, link: bool) -> None:
    """Copy `source` to `target`, or make it a second name of the same file; where it is taken, to a name like it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, free = 1, target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.stem}~{number}{target.suffix}")
    if link:
        free.hardlink_to(source.resolve())
    else:
        shutil.copyfile(source, free)
