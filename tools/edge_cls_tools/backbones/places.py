"""Where the files of known backbones are on this machine."""

from __future__ import annotations

from pathlib import Path

from edge_cls.cache_folder import cache_folder
from edge_cls.model.backbones import expected_path
from edge_cls.model.builtin import builtin_file
from edge_cls_tools.backbones.registry import Built, KnownModel, Shipped


def local_path(model: KnownModel) -> Path:
    """Return the path of the file of `model`: the published one, or the one built here. It may not be here yet."""
    if isinstance(model, Shipped):
        return builtin_file(model.file)
    return expected_path(model.name) if isinstance(model, Built) else cache_folder() / "models" / model.file
