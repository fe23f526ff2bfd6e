"""The backbone that ships with edge-cls."""

from __future__ import annotations

from pathlib import Path

from edge_cls.errors import ModelError


def builtin_file(name: str) -> Path:
    """Return the path of a file of `models/`. Raises ModelError where this installation lacks it."""
    here = Path(__file__).resolve().parent
    # A wheel carries the folder inside the package; in a checkout it stands beside it.
    for folder in (here / "models", here.parent / "models"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"this installation lacks the built-in {name}", mend="install edge-cls again")
