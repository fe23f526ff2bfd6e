"""The folder for files that can be computed or fetched again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder of edge-cls, below XDG_CACHE_HOME if that is set. It may not exist yet."""
    # The XDG Base Directory Specification demands that a relative path is ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path(os.path.expanduser("~/.cache"))) / "edge-cls"  # noqa: PTH111 - raises nothing
