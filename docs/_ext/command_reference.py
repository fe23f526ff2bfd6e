"""The reference of the commands, made from the commands themselves: what `--help` shows, for all of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from _ext.markdown import code, plain, table
from edge_cls.cli import command as main_command
from edge_cls.cli.plain_help import in_words


def as_markdown() -> str:
    """Return a section for each command, with its usage, its description and a table of its arguments and options."""
    return "\n".join(_section(command, context) for command, context in walk())


def walk() -> Iterator[tuple[Any, Any]]:
    """Give each command, groups included, in the order of `--help`, with the context that knows its full name.

    Typer brings a Click of its own or not, depending on its version: the types of the two have no one name.
    """
    yield from _below(main_command(), name="edge-cls", parent=None)


def _below(command: Any, *, name: str, parent: Any) -> Iterator[tuple[Any, Any]]:
    context = command.context_class(command, info_name=name, parent=parent, **command.context_settings)
    yield command, context
    for one in command.list_commands(context) if hasattr(command, "list_commands") else ():
        child = command.get_command(context, one)
        if not child.hidden:
            yield from _below(child, name=one, parent=context)


def _section(command: Any, context: Any) -> str:
    name = context.command_path
    text, *examples = re.split(r"\n\n+Examples?:\n", inspect.cleandoc(command.help or ""))
    parts = [f"## {name}", *map(plain, text.split("\n\n"))]
    parts.append(_block("text", " ".join([name, *command.collect_usage_pieces(context)])))
    if rows := [row for parameter in command.get_params(context) if (row := _row(parameter, context))]:
        parts.append(table(("argument or option", "meaning"), rows))
    parts += [_block("sh", inspect.cleandoc(example)) for example in examples]
    return "\n\n".join(parts) + "\n"


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _row(parameter: Any, context: Any) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    if record is None or parameter.name == "help":
        return None
    # Typer puts the type behind the name of an argument: "MODEL <path>".
    return code(re.sub(r" <[^>]*>$", "", record[0])), plain(in_words(record[1]))
