"""The version of the JSON documents and messages, for the programs that read them."""

from __future__ import annotations

from collections.abc import Mapping

SCHEMA = 1
"""Version of the shape of every JSON document and message. It rises if a key disappears or changes its meaning."""


def with_schema(document: Mapping[str, object]) -> dict[str, object]:
    """Return `document` with the version as its first key.

    >>> with_schema({"label": "mug"})
    {'schema': 1, 'label': 'mug'}
    """
    return {"schema": SCHEMA, **document}
