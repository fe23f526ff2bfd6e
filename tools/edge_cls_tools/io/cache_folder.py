"""The folder for files that can be computed or fetched again."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the user's cache folder of edge-cls. It may not exist yet."""
    return platformdirs.user_cache_path("edge-cls")
