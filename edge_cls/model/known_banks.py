"""The banks that ship with edge-cls, for backbones whose files are built on the device or published by others."""

from __future__ import annotations

from edge_cls.core.spaces import current_space
from edge_cls.model.builtin import builtin_file
from edge_cls.model.names import LITE0, SPACES

_FILES = {SPACES[name]: f"{name}.bank" for name in LITE0} | {
    "0600145cc8c1688887ceafd8cb56c938a324014bd82e87968079fa1cad78c3a7": "coral_mobilenet_v2_1.0_224.bank",
    "4fcf2c447a4ea96eda0776fbe7fca170f8e975f7c911b07decff5339fde52bde": "coral_mobilenet_v1_0.25_128.bank",
    "0080c61a3ac585cde3f259faeae797b2fdd31407fee3085095cd299741c11d45": "coral_mobilenet_v1_1.0_224.bank",
    # The same network as published, named by its bytes: it is an embedding extractor that needs no import.
    "f409ef4f73fcbb9667841965623c5c8524aac33d41b9bf5f3667161fb4a76319": "coral_mobilenet_v1_1.0_224.bank",
}
"""The file in `models/banks` for each embedding space. The file of the backbone builtin has its bank inside."""


def known_bank(space: str) -> bytes:
    """Return the encoded bank of the backbone whose embedding space is `space`; b"" if none ships.

    Raises ModelError if this installation lacks the file.
    """
    name = _FILES.get(current_space(space))
    return builtin_file(f"banks/{name}").read_bytes() if name else b""
