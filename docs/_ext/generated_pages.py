"""A Sphinx extension that puts generated text in the place of `<!-- generated: NAME -->`.

The generators need no Sphinx, so that fast tests can hold their output against the commands and the configuration.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from _ext import command_reference, configuration_reference, json_reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

GENERATORS = {
    "commands": command_reference.as_markdown,
    "configuration": configuration_reference.as_markdown,
    "json": json_reference.as_markdown,
    "manifest": json_reference.manifest,
}
_PLACEHOLDER = re.compile(r"<!-- generated: (\w+) -->")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    del app, page  # Sphinx gives them to every listener
    source[0] = _PLACEHOLDER.sub(lambda match: GENERATORS[match[1]](), source[0])
