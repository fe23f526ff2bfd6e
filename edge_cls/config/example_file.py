"""The example file, generated from the model of the configuration."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge_cls.config.errors import models_in
from edge_cls.config.keys import Key, as_toml_value, description_of, is_kind, kind_of, leaves, reference
from edge_cls.config.schema import Config

_WIDTH = 120
_HEADER = (
    "The configuration of edge-cls. A line that begins with # and a name is a key that is not set; it shows its "
    "default or an example. Remove the # to set it, and check the file with: edge-cls config check",
    "Keys can also be set by environment variables, such as EDGE_CLS_MEMORY and EDGE_CLS_SOURCE__NAME, except those of "
    "lists of sections: [[...]]. Relative paths are relative to the folder of this file.",
)


def example() -> str:
    """Return the text of a configuration file that explains every key and sets none."""
    texts = {one.key: _text(one) for one in reference()}
    lines = [line for paragraph in _HEADER for line in _comment(paragraph)]
    lines += ["", *_entries(Config, [_shown(Config)], [], "", texts), *_sections(Config, "", "", texts)]
    return "\n".join(lines) + "\n"


def _sections(model: type[BaseModel], name: str, path: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the sections below the one called `name`, whose keys are those below `path` in `texts`."""
    for key, field in model.model_fields.items():
        models = list(models_in(field.annotation))
        full = f"{name}.{key}" if name else key
        if len(models) > 1:
            yield from ("", *_comment(description_of(field)))
        for section in models:
            several = len(models) > 1
            below = f"{path}{key}.{kind_of(section)}." if several else f"{path}{key}."
            entries = [_defaults(section) | one for one in field.examples or []] or [_shown(section)]
            yield from ("", *_comment(description_of(section.model_fields["kind"] if several else field)))
            yield from _entries(section, entries, [_header(full, field)], below, texts)
            yield from _sections(section, full, below, texts)


def _entries(
    model: type[BaseModel],
    entries: list[dict[str, Any]],
    header: list[str],
    path: str,
    texts: Mapping[str, str],
) -> Iterator[str]:
    """Yield example entries of a section; each key is explained the first time that it comes up.

    A key that is in no entry, since it excludes another one, is explained in the first, with an example in the comment.
    """
    explained = set()
    fields = dict(leaves(model))
    apart = {key for key in fields if not any(key in entry for entry in entries)}
    for entry in entries:
        yield from header
        for key, field in fields.items():
            text = texts[path + key]
            if key in apart and key not in explained:
                yield from _comment(f"{text} Example: {key} = {as_toml_value(_value(field))}")
            elif key in entry and key not in explained and not is_kind(field):
                yield from _comment(text)
            if key in entry:
                yield f"#{key} = {as_toml_value(entry[key])}"
            if key in entry or key in apart:
                explained.add(key)


def _header(name: str, field: FieldInfo) -> str:
    if get_origin(field.annotation) is tuple:
        return f"#[[{name}]]"
    return f"#[{name}]" if field.default is None else f"[{name}]"


def _shown(model: type[BaseModel]) -> dict[str, Any]:
    """Return an example or the default of each key."""
    return {key: _value(field) for key, field in leaves(model)}


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return {key: one.default for key, one in leaves(model) if not one.is_required() and one.default is not None}


def _value(field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    return get_args(field.annotation)[0] if is_kind(field) else field.default


def _text(key: Key) -> str:
    """Return the description of a key with its choices or its range."""
    choices = f" One of {key.type}." if " or " in key.type and key.type != "true or false" else ""
    return key.description + choices + (f" Range: {key.range}." if key.range else "")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
