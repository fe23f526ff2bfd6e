"""The settings in force, with who gave them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from edge_cls.config.loading import variable_names
from edge_cls.config.schema import Config
from edge_cls.core.urls import showable


@dataclass(frozen=True)
class Setting:
    """A key with its value, and whether that is the default or came from the file or the environment."""

    path: tuple[str, ...]
    value: Any
    origin: str


def settings(config: Config, *, environ: Mapping[str, str]) -> list[Setting]:
    """Return what `load` made of a file and of `environ`, in the order of the file, without the keys of no panel."""
    names = {path: name for name, path in variable_names().items()}
    return [
        Setting(path, value, names[path] if environ.get(names.get(path, "")) else "file" if is_set else "default")
        for path, value, is_set in _walk(config, ())
    ]


def without_secrets(config: Config) -> Config:
    """Return `config` with what may be shown of a source's URL: its host."""
    name = config.source.name
    if name is None or showable(name) == name:
        return config
    source = config.source.model_copy(update={"name": f"{showable(name)}/***"})
    return config.model_copy(update={"source": source})


def as_toml(listed: Iterable[Setting]) -> str:
    """Return the settings as a file that `load` reads, with where each came from as a comment."""
    lines: list[str] = []
    table: tuple[str, ...] = ()
    leaves = set(variable_names().values())
    lists = []
    for one in listed:
        *above, key = one.path
        if one.path not in leaves:
            lists.append(one)
            continue
        if tuple(above) != table:
            table = tuple(above)
            lines += ["", f"[{'.'.join(table)}]"]
        text = f"# {key} is not set" if one.value is None else f"{key} = {_toml(one.value)}"
        lines.append(text if one.value is None else f"{text:<40}  # {one.origin}")
    for one in lists:
        for element in one.value:
            lines += ["", f"[[{'.'.join(one.path)}]]"]
            lines += [f"{key} = {_toml(value)}" for key, value in element if value is not None]
    return "\n".join(lines) + "\n"


def _walk(table: BaseModel, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    for key, value in table:
        if isinstance(value, BaseModel):
            yield from _walk(value, (*above, key))
        elif (*above, key) != ("panel",):
            yield (*above, key), value, key in table.model_fields_set


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(one)}" for key, one in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str | Path):
        # JSON's escapes are TOML's, except that TOML wants one more.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
