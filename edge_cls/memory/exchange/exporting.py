"""Exports a memory as a folder or as another database, completely or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

from edge_cls.errors import ConfigError, EdgeClsError, OutputError
from edge_cls.memory.exchange.folder import write_folder
from edge_cls.memory.store import Memory

Form = Literal["dataset", "db"]


def form_of(out: Path, wanted: str | None) -> Form:
    """Return `wanted`, or the form that the suffix of `out` implies. Raises ConfigError for an unknown form."""
    match wanted or ("db" if out.suffix.lower() == ".db" else "dataset"):
        case "dataset" | "db" as form:
            return form
    raise ConfigError(f"unknown form {wanted!r}", hint="use --as dataset or --as db")


def export(memory: Memory, out: Path, form: Form) -> None:
    """Write `memory` to `out`, with everything that another memory needs to merge it, including deletions.

    Raises OutputError if `out` exists or cannot be written.
    """
    if out.exists() or out.is_symlink():
        raise OutputError(f"{out} exists", hint="choose a new name, or remove it")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        if form == "db":
            memory.backup(out)
        else:
            part.mkdir()
            write_folder(memory.records(), part)
            part.replace(out)
    except EdgeClsError:
        raise  # an error of the memory, not of `out`
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror})", hint="check the free space and the permissions"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
