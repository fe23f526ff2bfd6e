"""The model files that ship with edge-cls: the backbone, and the registry of backbones."""

from __future__ import annotations

from pathlib import Path

from edge_cls.errors import ModelError
from edge_cls.files import shipped_file


def builtin_file(name: str) -> Path:
    """Return the path of a file of `models/`. Raises ModelError if this installation lacks it."""
    path = shipped_file(name, wheel="model/data", checkout="models")
    if path is None:
        raise ModelError(f"this installation lacks the built-in {name}", hint="install edge-cls again")
    return path
