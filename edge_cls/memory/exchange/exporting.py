"""Exports a memory as a folder or as another database, completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edge_cls.errors import ConfigError, OutputError
from edge_cls.files import new_folder
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
    if form == "db":
        memory.backup(out)
    else:
        with new_folder(out) as folder:
            write_folder(memory.all_examples(), folder)
