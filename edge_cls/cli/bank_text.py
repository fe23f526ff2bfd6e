"""How commands name the bank of a model."""

from __future__ import annotations


def bank_text(photos: int | None, *, teachable: bool) -> str:
    """Return the number of photos in a bank as text, or what follows if there is none."""
    if photos:
        return f"{photos} photos"
    return "none (open set falls back on a prior)" if teachable else "none"
