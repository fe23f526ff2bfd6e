"""The settings in force, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from edge_cls.config.keys import as_toml_value
from edge_cls.config.loading import variable_names
from edge_cls.config.schema import Config


@dataclass(frozen=True)
class Setting:
    """A key with its value. `origin` is "default", "file" or the name of an environment variable."""

    path: tuple[str, ...]
    value: Any
    origin: str


def settings(config: Config, *, environ: Mapping[str, str]) -> list[Setting]:
    """Return all settings of a loaded `config`, in the order of the file; if there is no panel, without its keys."""
    names = {path: name for name, path in variable_names().items()}
    return [
        Setting(path, value, names[path] if environ.get(names.get(path, "")) else "file" if is_set else "default")
        for path, value, is_set in _walk(config, ())
    ]


def as_toml(listed: Iterable[Setting]) -> str:
    """Return the settings as a file that `load` can read, with the origin of each as a comment.

    Passwords are hidden: the name of a source that has one must be completed before it works.
    """
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
        text = f"# {key} is not set" if one.value is None else f"{key} = {as_toml_value(one.value)}"
        lines.append(text if one.value is None else f"{text:<40}  # {one.origin}")
    for one in lists:
        for element in one.value:
            lines += ["", f"[[{'.'.join(one.path)}]]"]
            lines += [f"{key} = {as_toml_value(value)}" for key, value in element if value is not None]
    return "\n".join(lines) + "\n"


def _walk(table: BaseModel, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    for key, value in table:
        if isinstance(value, BaseModel):
            yield from _walk(value, (*above, key))
        elif (*above, key) != ("panel",):
            yield (*above, key), value, key in table.model_fields_set
