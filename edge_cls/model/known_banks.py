"""The banks that ship with edge-cls, for backbones whose files are built on the device or published by others."""

from __future__ import annotations

from edge_cls.core.spaces import current_space
from edge_cls.model.builtin import builtin_file
from edge_cls.model.names import LITE0, SPACES

_FILES = {SPACES[name]: f"{name}.bank" for name in LITE0}
"""The file in `models/banks` for each embedding space. The file of the backbone builtin has its bank inside."""


def known_bank(space: str) -> bytes:
    """Return the encoded bank of the backbone whose embedding space is `space`; b"" if none ships.

    Raises ModelError if this installation lacks the file.
    """
    name = _FILES.get(current_space(space))
    return builtin_file(f"banks/{name}").read_bytes() if name else b""
