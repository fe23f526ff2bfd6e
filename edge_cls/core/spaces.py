"""The names of embedding spaces: the SHA-256 of the content of a network, and the names that stood for it before."""

from __future__ import annotations

_FORMER = {
    # The built-in backbone, named by the bytes of its network.
    "d61b1cf04179f6ac2782b80d62a8ad6d7047de7d366829b4ce8afbfb97f25fa2": (
        "90a6eb135d5f85e66c4680a36ab846fdf8948aa6739107a037677a6f23ed132e"
    ),
    # The import of coral_mobilenet_v2_1.0_224, named by the bytes that flatbuffers 25 writes.
    "704b0e65f95dd5cfdef26abada17dd252b0b342d85e92411076d429ee6a40c6c": (
        "0600145cc8c1688887ceafd8cb56c938a324014bd82e87968079fa1cad78c3a7"
    ),
}

_ALTERATIONS = ("grey",)


def altered_space(space: str, alteration: str) -> str:
    """Return the name of the space of copies whose photos were altered, such as "grey", before `space` embedded them.

    >>> altered_space("0a1b", "grey")
    '0a1b grey'
    """
    return f"{space} {alteration}"


def is_altered(space: str) -> bool:
    """Return whether `space` is a name that `altered_space` returned."""
    return space.endswith(tuple(f" {alteration}" for alteration in _ALTERATIONS))


def current_space(name: str) -> str:
    """Return the name by content of the embedding space `name`, which may be a name that stood for it before.

    All other names are returned unchanged. Files keep the name that they were written with, so whatever reads a name
    from a file passes it through this function before it compares it.
    """
    return _FORMER.get(name, name)
