"""How commands name the bank of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_cls.model.background import MadeBank
    from edge_cls.model.file import ModelFile


def bank_text(photos: int | None, *, teachable: bool) -> str:
    """Return the number of photos in a bank as text, or the consequence if there is none."""
    if photos:
        return f"{photos} photos"
    return "none (open set falls back on a prior)" if teachable else "none"


def bank_line(file: ModelFile, made: MadeBank | None) -> str:
    """Return a line about the bank that was `made` for `file`, that the file kept, or that is missing."""
    if made:
        return f"bank: {made}"
    text = bank_text(len(file.bank) if file.bank else None, teachable=True)
    return f"bank: {text}{'' if file.bank else '; give photos of everything else with --background'}"
