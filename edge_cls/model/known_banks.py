"""The banks that ship with edge-cls, for model files that have none inside but whose backbone is known."""

from __future__ import annotations

from edge_cls.archive import Archive, Limits
from edge_cls.core.spaces import current_space
from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.names import BUILTIN, LITE0, SPACES

BANK = "background.bank"
"""The name of the bank inside a model file."""
_FILES = {SPACES[name]: f"{name}.bank" for name in LITE0} | {
    "0600145cc8c1688887ceafd8cb56c938a324014bd82e87968079fa1cad78c3a7": "coral_mobilenet_v2_1.0_224.bank",
    "4fcf2c447a4ea96eda0776fbe7fca170f8e975f7c911b07decff5339fde52bde": "coral_mobilenet_v1_0.25_128.bank",
    "0080c61a3ac585cde3f259faeae797b2fdd31407fee3085095cd299741c11d45": "coral_mobilenet_v1_1.0_224.bank",
    # The same network as published, named by its bytes: it is an embedding extractor that needs no import.
    "f409ef4f73fcbb9667841965623c5c8524aac33d41b9bf5f3667161fb4a76319": "coral_mobilenet_v1_1.0_224.bank",
}
"""The file in `models/banks` for each embedding space. That of the backbone builtin is inside its model file."""
_LIMITS = Limits(members=1000, member_size=2**20)


def known_bank(space: str) -> bytes:
    """Return the encoded bank of the backbone whose embedding space is `space`; b"" if none ships.

    Raises ModelError if this installation lacks the file, or if it is damaged.
    """
    if (space := current_space(space)) == SPACES[BUILTIN]:
        path = builtin_file("edge-embed.tflite")
        archive = Archive(path.read_bytes(), str(path), error=ModelError, limits=_LIMITS, appended=True)
        return archive.read(BANK) if BANK in archive else b""
    name = _FILES.get(space)
    return builtin_file(f"banks/{name}").read_bytes() if name else b""
