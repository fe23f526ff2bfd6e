"""The fields of dataclasses as tables: what a document in JSON holds.

The source is read and not imported, since some modules load TensorFlow.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from _ext.markdown import code, plain, table

_ROOT = Path(__file__).parents[2]
_WORDS = {"str": "text", "float": "number", "int": "integer", "bool": "true or false", "Path": "text"}


class Field(NamedTuple):
    """A field of a dataclass: its name, its type in Python's words, and the docstring below it, if any."""

    name: str
    type: str
    meaning: str


def as_markdown(name: str) -> str:
    """Return the docstring of the dataclass `package:Class`, and a table of its fields."""
    rows = [(code(field.name), plain(json_type(field.type)), with_code(field.meaning)) for field in fields(name)]
    docstring = inspect.cleandoc(ast.get_docstring(_class(name)) or "")
    text = "\n\n".join(with_code(paragraph) for paragraph in docstring.split("\n\n"))
    if not any(meaning for _, _, meaning in rows):
        return f"{text}\n\n{table(('key', 'type'), [row[:2] for row in rows])}"
    return f"{text}\n\n{table(('key', 'type', 'meaning'), rows)}"


def fields(name: str) -> Iterator[Field]:
    """Give the fields of the dataclass `package:Class`, in order."""
    body = _class(name).body
    for statement, below in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            described = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            meaning = str(below.value.value) if described else ""  # type: ignore[attr-defined]
            yield Field(statement.target.id, ast.unparse(statement.annotation), meaning)


def with_code(text: str) -> str:
    """Return a docstring as Markdown: text in backticks stays code, everything else is shown as it is."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    return "".join(code(part) if index % 2 else plain(part, strip=False) for index, part in enumerate(parts))


def _class(name: str) -> ast.ClassDef:
    room, _, wanted = name.partition(":")
    classes = _classes(room)
    if wanted not in classes:
        raise LookupError(f"there is no class {wanted} in {room}")
    return classes[wanted]


@functools.cache
def _classes(room: str) -> dict[str, ast.ClassDef]:
    """Return the classes of a package by name."""
    path = Path(*room.split("."))
    files = [file for root in (_ROOT, _ROOT / "tools") for file in sorted((root / path).glob("*.py"))]
    statements = [statement for file in files for statement in ast.parse(file.read_text()).body]
    return {statement.name: statement for statement in statements if isinstance(statement, ast.ClassDef)}


def json_type(annotation: str) -> str:
    """Return the type of a field as a reader of JSON knows it.

    >>> json_type("dict[str, tuple[float, ...]] | None"), json_type("Literal['OK', 'FAIL']")
    ('object of (list of number) or null', '"OK" or "FAIL"')
    """
    return _in_words(ast.parse(annotation, mode="eval").body)


def _in_words(node: ast.expr) -> str:
    match node:
        case ast.BinOp():
            return f"{_in_words(node.left)} or {_in_words(node.right)}"
        case ast.Constant(value=None):
            return "null"
        case ast.Constant():
            return json.dumps(node.value)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            return " or ".join(map(_in_words, choices.elts if isinstance(choices, ast.Tuple) else [choices]))
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, value])):
            return f"object of {_bracketed(value)}"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[item, *others])):
            more = 1 if ast.unparse(others[0]) == "..." else len(others) + 1
            return f"list of {_bracketed(item)}" if more == 1 else f"list of {more} {_in_words(item)}"
        case ast.Subscript(slice=item):
            return f"list of {_bracketed(item)}"
        case _:
            name = ast.unparse(node)
            return _WORDS.get(name, name)


def _bracketed(node: ast.expr) -> str:
    words = _in_words(node)
    return f"({words})" if isinstance(node, ast.Subscript | ast.BinOp) else words
