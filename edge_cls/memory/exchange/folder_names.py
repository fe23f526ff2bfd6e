"""Folder names for labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_BAD = set('/\\<>:"|?*')
_MAX_BYTES = 200
"""Length limit of a folder name in UTF-8 bytes, below the 255 that file systems allow, so that a number fits."""


def folder_names(labels: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a folder name for each label: the label itself, unless it is invalid or taken on some operating system."""
    used = {_folded(name) for name in taken}
    names = {}
    for label in labels:
        plain = "".join("_" if character in _BAD else character for character in label)
        plain = "_" + plain[1:] if plain.startswith(".") else plain
        plain = plain.encode()[:_MAX_BYTES].decode(errors="ignore").rstrip(". ") or "_"
        name, number = plain, 1
        while _folded(name) in used:
            number += 1
            name = f"{plain} ({number})"
        used.add(_folded(name))
        names[label] = name
    return names


def _folded(name: str) -> str:
    """Return a key that is equal for names that some file system considers the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
