"""Turns the errors of pydantic into messages for the author of a TOML file."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge_cls.core.urls import showable
from edge_cls.errors import one_line

Key = tuple[str | int, ...]
_Model = type[BaseModel]

_LONGEST = 60

_WANTED = {
    "string_type": ("text", 'write it in quotes: "..."'),
    "path_type": ("text", 'write it in quotes: "..."'),
    "int_type": ("a whole number", "write a whole number, without quotes"),
    "float_type": ("a number", "write a number, without quotes"),
    "finite_number": ("a finite number", "write a finite number"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "tuple_type": ("a list", "write it in brackets: [...]"),
    "dict_type": ("a table", "write it in braces: { name = 1 }"),
    "model_type": ("a table", "write its name in brackets on a line, and its keys below"),
    "model_attributes_type": ("a table", "write its name in double brackets on a line, and its keys below"),
}
_GIVEN: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a table"),
    ((datetime.date, datetime.time), "a date or time"),
)
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


@dataclass(frozen=True)
class ConfigProblem:
    """A problem with a setting: `where` names the key, `message` says what is wrong, and `hint` how to fix it."""

    where: str
    message: str
    hint: str

    @property
    def text(self) -> str:
        """The key and the message, without the hint."""
        return f"{self.where}: {self.message}"

    def __str__(self) -> str:
        """All three on one line."""
        return one_line(f"{self.text}; {self.hint}")


def problems_of(error: ValidationError, model: _Model, set_by: Mapping[Key, str]) -> list[ConfigProblem]:
    """Return the problems in `error`, each once.

    `set_by` names the environment variable or the option that set a key, if the file did not.
    """
    problems = []
    for details in error.errors(include_url=False):
        owners, models, path = _walk(model, details["loc"])
        message, hint = _explained(details, model, owners, models)
        if details["type"] == "missing" and isinstance(path[-1], int):
            path = path[:-1]  # The list is too short, and is the key to name.
        problems.append(ConfigProblem(_where(path, set_by), message, hint))
    return list(dict.fromkeys(problems))


def models_in(annotation: Any) -> Iterator[_Model]:
    """Yield the models that a type consists of: itself, or those in a union, a tuple or the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from models_in(argument)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that is most similar to `name`; None if none is similar."""
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def _walk(model: _Model, loc: Key) -> tuple[list[_Model], list[_Model], Key]:
    """Return the models that contain the last key of `loc`, those that its value may be, and `loc` without tags."""
    owners: list[_Model] = []
    models = [model]
    path: list[str | int] = []
    for part in loc:
        if isinstance(part, int):
            path.append(part)
        elif len(models) > 1:
            models = [one for one in models if part in _kinds([one])]
        else:
            path.append(part)
            owners = models
            fields = models[0].model_fields if models else {}
            models = list(models_in(fields[part].annotation)) if part in fields else []
    return owners, models, tuple(path)


def _kinds(models: Iterable[_Model]) -> list[str]:
    return [kind for model in models for kind in get_args(model.model_fields["kind"].annotation)]


def _where(path: Key, set_by: Mapping[Key, str]) -> str:
    for length in range(len(path), 0, -1):
        if name := set_by.get(path[:length]):
            return name + _joined(path[length:])
    return _joined(path)


def _joined(path: Key) -> str:
    text = ""
    for before, part in zip((None, *path), path, strict=False):
        if isinstance(part, int):
            text += f" #{part + 1}"
        else:
            text += {type(None): "", str: ".", int: ", "}[type(before)] + _cut(part)
    return text


def _explained(details: ErrorDetails, model: _Model, owners: list[_Model], models: list[_Model]) -> tuple[str, str]:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "value_error":
        error = context["error"]
        return error.message, error.hint
    if kind == "extra_forbidden":
        return _unknown(str(details["loc"][-1]), owners[0], model)
    if kind == "missing":
        if isinstance(details["loc"][-1], int):
            return "too few values", "write all of them"
        return "this key is required", "add it"
    if kind == "too_long":
        return "too many values", f"write {context['max_length']} of them"
    if kind == "union_tag_not_found":
        return "the kind is missing", f"set kind to one of {', '.join(_kinds(models))}"
    if kind == "union_tag_invalid":
        return _no_choice(context["tag"], context["expected_tags"])
    if kind == "literal_error":
        return _no_choice(value, context["expected"])
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{_shown(value)} is out of range", f"write a number that is {words} {context[key]:g}"
    if kind in _WANTED:
        noun, hint = _WANTED[kind]
        if kind == "tuple_type" and isinstance(value, dict):
            hint = "write it in brackets; the name of a table that can be repeated is in double brackets: [[name]]"
        return f"{_shown(value)} is {_given(value)}, not {noun}", hint
    return details["msg"], "write another value"


def _no_choice(value: object, expected: str) -> tuple[str, str]:
    near = nearest(str(value), re.findall("'([^']*)'", expected)) if isinstance(value, str) else None
    return f"{_shown(value)} is not one of {expected}", f"did you mean {near!r}?" if near else "write one of these"


def _unknown(key: str, owner: _Model, model: _Model) -> tuple[str, str]:
    message = "unknown key"
    if near := nearest(key.lower().replace("-", "_"), owner.model_fields):
        return message, f"did you mean {near}?"
    if key in model.model_fields:
        return message, f"{key} belongs to the top of the file, above the first line in brackets"
    if tables := [name for name, table in _tables(model) if key in table.model_fields]:
        return message, f"{key} belongs to {tables[0]}"
    return message, f"the known keys are {', '.join(owner.model_fields)}"


def _tables(model: _Model, above: str = "") -> Iterator[tuple[str, _Model]]:
    """Yield all tables of the file below `model`, each with its name as the file has it."""
    for name, field in model.model_fields.items():
        tables = list(models_in(field.annotation))
        shown = f"[[{above}{name}]]" if get_origin(field.annotation) is tuple else f"[{above}{name}]"
        for table in tables:
            yield shown if len(tables) == 1 else f"{shown} of the kind {_kinds([table])[0]}", table
            yield from _tables(table, f"{above}{name}.")


def _given(value: object) -> str:
    return next((noun for kinds, noun in _GIVEN if isinstance(value, kinds)), type(value).__name__)


def _shown(value: object) -> str:
    """Return the value, or the beginning of it, without passwords of URLs, because problems are logged."""
    if isinstance(value, bool | datetime.date | datetime.time):
        return str(value).lower()
    try:
        return _cut(repr(_showable(value)))
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deeply nested tables
        return "this"


def _showable(value: object) -> object:
    match value:
        case str():
            return showable(value)
        case list():
            return [_showable(one) for one in value]
        case dict():
            return {key: _showable(one) for key, one in value.items()}
        case _:
            return value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
