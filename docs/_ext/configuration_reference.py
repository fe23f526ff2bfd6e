"""The reference of the configuration, made from the models that check it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from _ext.fields import with_code
from _ext.markdown import code, table
from edge_cls.config import Config
from edge_cls.config.errors import models_in
from edge_cls.config.loading import variable_names


class Section(NamedTuple):
    """A table of the file: its name there, such as `[[panel.button]]`, and the model that checks it."""

    name: str
    path: tuple[str, ...]
    model: type[BaseModel]


def sections() -> list[Section]:
    """Return all tables of the file, the top first."""
    return [Section("Top of the file", (), Config), *_below(Config, ())]


def is_table(field: FieldInfo) -> bool:
    """Return whether a key holds a table, or a list of tables, which have sections of their own."""
    return bool(list(models_in(field.annotation)))


def as_markdown() -> str:
    """Return a section for each table of the file, with all its keys."""
    return "\n".join(map(_text, sections()))


def _below(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Section]:
    for name, field in model.model_fields.items():
        below = (*path, name)
        for table_model in models_in(field.annotation):
            listed = str(field.annotation).startswith("tuple")
            heading = f"[[{'.'.join(below)}]]" if listed else f"[{'.'.join(below)}]"
            kind = _kind(table_model) if listed else None
            yield Section(f"{heading} kind = {kind}" if kind else heading, below, table_model)
            yield from _below(table_model, below)


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return f'"{_choices(field)[0]}"' if field and len(_choices(field)) == 1 else None


def _choices(field: FieldInfo) -> tuple[Any, ...]:
    return getattr(field.annotation, "__args__", ())


def _text(section: Section) -> str:
    variables = {path: name for name, path in variable_names().items()}
    rows = []
    for name, field in section.model.model_fields.items():
        if is_table(field):
            continue
        default = "required" if field.is_required() else code(_shown(field.default))
        variable = variables.get((*section.path, name))
        rows.append((code(name), with_code(field.description or ""), default, code(variable) if variable else ""))
    keys = table(("key", "meaning", "default", "environment"), rows)
    return f"## {section.name}\n\n{with_code(section.model.__doc__ or '')}\n\n{keys}"


def _shown(value: object) -> str:
    """Return a default as it would stand in the file."""
    return "not set" if value is None else json.dumps(value, default=str, ensure_ascii=False)
