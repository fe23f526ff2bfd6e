"""Names of folders for labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_BAD = set('/\\<>:"|?*')
_LONGEST = 200


def folder_names(labels: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a folder name for each label: itself where that can be a folder on any system, beside the others."""
    used = {_folded(name) for name in taken}
    names = {}
    for label in labels:
        plain = "".join("_" if character in _BAD else character for character in label)
        plain = "_" + plain[1:] if plain.startswith(".") else plain
        # 200 bytes: systems allow 255.
        plain = plain.encode()[:_LONGEST].decode(errors="ignore").rstrip(". ") or "_"
        name, number = plain, 1
        while _folded(name) in used:
            number += 1
            name = f"{plain} ({number})"
        used.add(_folded(name))
        names[label] = name
    return names


def _folded(name: str) -> str:
    """Return what is the same for two names that some system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
