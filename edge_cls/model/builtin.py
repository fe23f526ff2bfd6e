"""The backbone that ships with edge-cls."""

from __future__ import annotations

from pathlib import Path

from edge_cls.errors import ModelError


def builtin_file(name: str) -> Path:
    """Return the path of a file of `models/`. Raises ModelError where this installation lacks it."""
    here = Path(__file__).resolve().parent
    # A wheel carries the folder `models` of a checkout as `data`.
    for folder in (here / "data", here.parents[1] / "models"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"this installation lacks the built-in {name}", hint="install edge-cls again")
