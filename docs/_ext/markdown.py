"""Markdown that shows a text as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable


def plain(text: str, *, strip: bool = True) -> str:
    """Return `text` with everything escaped that Markdown would take for markup."""
    words = " ".join(text.split()) if strip else text
    return re.sub(r"([\\`*_\[\]<>|&{}~#])", r"\\\1", words)


def code(text: str) -> str:
    """Return `text` as a code span, which may stand in a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
