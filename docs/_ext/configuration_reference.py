"""The reference of the configuration, made from the descriptions that its keys carry."""

from __future__ import annotations

from itertools import groupby

from _ext.fields import with_code
from _ext.markdown import code, plain, table
from edge_cls.config import reference
from edge_cls.config.loading import variable_names

_LISTED = ("panel.button", "panel.led")
"""Sections that may stand several times in the file, besides the sinks."""


def as_markdown() -> str:
    """Return a section for each table of the file, with all its keys."""
    variables = {".".join(path): name for name, path in variable_names().items()}
    parts = []
    for section, keys in groupby(reference(), key=lambda key: key.key.rpartition(".")[0]):
        rows = [
            (
                code(key.key.rpartition(".")[2]),
                with_code(key.description),
                plain(f"{key.type}, {key.range}" if key.range else key.type),
                key.default if key.default in ("required", "not set") else code(key.default),
            )
            for key in keys
        ]
        text = table(("key", "meaning", "type", "default"), rows)
        if variable := next((variables[name] for name in variables if name.rpartition(".")[0] == section), None):
            prefix = variable[: -len(_last(variable))]
            text += f"\nIn the environment: {code(prefix + 'KEY')}, for example {code(variable)}.\n"
        parts.append(f"## {heading(section)}\n\n{text}")
    return "\n".join(parts)


def heading(section: str) -> str:
    """Return the heading of a section, as the table stands in the file."""
    if not section:
        return "Top of the file"
    if section.startswith("sink."):
        return f'[[sink]] kind = "{section.partition(".")[2]}"'
    return f"[[{section}]]" if section in _LISTED else f"[{section}]"


def _last(variable: str) -> str:
    """Return the part of a variable's name that names the key."""
    return variable.removeprefix("EDGE_CLS_").rpartition("__")[2]
