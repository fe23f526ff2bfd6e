"""A memory written as something else, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

from edge_cls.errors import ConfigError, EdgeClsError, OutputError
from edge_cls.memory.exchange.arrays import write_arrays
from edge_cls.memory.exchange.folder import write_folder
from edge_cls.memory.store import Memory

Form = Literal["dataset", "npz", "db"]


def form_of(out: Path, wanted: str | None) -> Form:
    """Return the form to write `out` in: `wanted`, or what its suffix says. Raises ConfigError where there is none."""
    match wanted or {".npz": "npz", ".db": "db"}.get(out.suffix.lower(), "dataset"):
        case "dataset" | "npz" | "db" as form:
            return form
    raise ConfigError(f"there is no form {wanted!r}", hint="use --as dataset, npz or db")


def export(memory: Memory, out: Path, form: Form) -> None:
    """Write `memory` to `out`, with all that another memory needs to merge it, deletions included.

    Raises OutputError where `out` exists, or the disk does not take it.
    """
    if out.exists() or out.is_symlink():
        raise OutputError(f"{out} exists", hint="give a new name, or remove it")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        if form == "db":
            memory.backup(out)
        elif form == "npz":
            write_arrays(memory.records(), part)
            part.replace(out)
        else:
            part.mkdir()
            write_folder(memory.records(), part)
            part.replace(out)
    except EdgeClsError:
        raise  # a fault of the memory, not of `out`
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror})", hint="check the disk, and its rights"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
