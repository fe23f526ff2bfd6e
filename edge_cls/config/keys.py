"""The keys of the configuration as a reader of documentation wants them, generated from the model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge_cls.config.errors import models_in
from edge_cls.config.schema import Config

_NOUNS = {
    "integer": ("whole number", "whole numbers"),
    "number": ("number", "numbers"),
    "boolean": ("true or false", "truth values"),
    "object": ("table", "tables"),
}


class Key(NamedTuple):
    """A key of the configuration.

    `key` is its path, for example "states.enter" or "sink.gpio.pin" (the kind of a sink stands in the middle). `type`,
    `default` and `range` are text: "number", "0.6" (as TOML; "required" or "not set" if there is none), "0 to 1" ("" if
    every value of the type is allowed).
    """

    key: str
    type: str
    default: str
    range: str
    description: str


def reference() -> Iterator[Key]:
    """Yield all keys, section by section, in the order of the file."""
    for section, model in sections():
        properties = model.model_json_schema()["properties"]
        for name, field in leaves(model):
            yield Key(
                section + name,
                _type(properties[name]),
                _default(field),
                _range(properties[name]),
                description_of(field),
            )


def description(key: str) -> str:
    """Return the description of a key, named as in `reference`, or of a section, for example "source".

    Raises KeyError if there is neither.
    """
    *above, name = key.split(".")
    model = dict(sections())[".".join([*above, ""]) if above else ""]
    return description_of(model.model_fields[name])


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the model of each section with its path, which ends with a dot; "" is the top of the file."""
    yield "", Config
    yield from _below(Config, "")


def leaves(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the fields of a section that are keys, and not sections below it."""
    yield from ((name, field) for name, field in model.model_fields.items() if not list(models_in(field.annotation)))


def description_of(field: FieldInfo) -> str:
    """Return the description of a key or section."""
    if field.description is None:
        raise ValueError(f"{field} has no description")
    return field.description


def is_kind(field: FieldInfo) -> bool:
    """Return whether `field` can only have one value: the kind of a sink, which its model fixes."""
    return len(get_args(field.annotation)) == 1 and get_origin(field.annotation) is Literal


def kind_of(model: type[BaseModel]) -> str:
    """Return the kind of a sink."""
    return str(get_args(model.model_fields["kind"].annotation)[0])


def as_toml_value(value: object) -> str:
    """Return `value` as it is written in TOML, the name of a source without its password."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_toml_key(str(key))} = {as_toml_value(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml_value, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    # TOML understands the escapes of JSON, and requires one more.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else as_toml_value(key)


def _below(model: type[BaseModel], above: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        models = list(models_in(field.annotation))
        for section in models:
            path = f"{above}{name}." if len(models) == 1 else f"{above}{name}.{kind_of(section)}."
            yield path, section
            yield from _below(section, path)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "not set" if field.default is None else as_toml_value(field.default)


def _type(schema: Mapping[str, Any], *, plural: bool = False) -> str:
    """Return the type of a value with this JSON schema, in words."""
    if "anyOf" in schema:  # with null, which TOML does not have
        return _type(schema["anyOf"][0])
    if "const" in schema or "enum" in schema:
        return _either([json.dumps(one) for one in schema.get("enum", [schema.get("const")])])
    if schema["type"] == "array":
        items = schema.get("prefixItems")
        return (
            f"list of {len(items)} {_type(items[0], plural=True)}"
            if items
            else f"list of {_type(schema['items'], plural=True)}"
        )
    if schema["type"] == "string":
        return ("paths" if plural else "path") if schema.get("format") == "path" else ("texts" if plural else "text")
    return _NOUNS[schema["type"]][plural]


def _either(choices: list[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _range(schema: Mapping[str, Any]) -> str:
    """Return the bounds of a number, or of the numbers of a list, in words."""
    if "anyOf" in schema:
        return _range(schema["anyOf"][0])
    if schema.get("type") == "array":
        return _range(schema["prefixItems"][0] if "prefixItems" in schema else schema["items"])
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']:g} to {schema['maximum']:g}"
    words = (
        ("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"), ("exclusiveMaximum", "below")
    )  # fmt: skip
    return ", ".join(f"{word} {schema[bound]:g}" for bound, word in words if bound in schema)
