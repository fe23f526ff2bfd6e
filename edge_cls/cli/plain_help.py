"""Help as plain text: commands in sections, an example for every command, and no path broken at a hyphen.

Typer's own sections are boxes that rich draws. They take a third of 80 columns, fill pipes with box characters and
load rich before the first word is printed: docs/adr/0038-plain-help-in-sections.md.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_EXAMPLE = re.compile(r"\n\s*\nExamples?:\n")
_WIDEST_TERM = 30
"""Columns that the left column of a list takes at most. A longer term has its description on the next line."""
_GAP = 2
"""Columns between the term and its description."""


def use_plain_help(app: typer.Typer) -> None:
    """Give plain help to every command of `app` and of its groups, wherever they were defined."""
    for command in app.registered_commands:
        if command.cls in (None, TyperCommand):
            command.cls = PlainCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            use_plain_help(group.typer_instance)
            if not isinstance(group.typer_instance.info.cls, type):  # it has no class of its own
                group.cls = PlainGroup


class _PlainHelp:
    """The parts of a help page.

    The help of a command is its docstring: the first paragraph is the summary, and the lines below "Example:" are
    printed as they stand.
    """

    help: str | None

    # Typer brings its own Click or imports one, depending on its version: the type of a context has no single name.
    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - the signature is Click's
        """Return the summary, whole: a test asserts that it fits."""
        return " ".join(_paragraphs(self.help)[0].split()) if self.help else ""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words behind the name of the command."""
        arguments = [_term(one) for one in _parameters(self, ctx) if one.param_type_name == "argument"]
        return ["[OPTIONS]", *arguments]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is Click's
        """Write the summary and the paragraphs below it."""
        text, *_ = _EXAMPLE.split(inspect.cleandoc(self.help or ""))
        for paragraph in _paragraphs(text):
            formatter.write("\n")
            formatter.write("".join(f"  {line}\n" for line in _wrapped(paragraph, formatter.width - 2)))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        self.format_parameters(ctx, formatter)

    def format_parameters(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        shown: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in _parameters(self, ctx):
            if record := parameter.get_help_record(ctx):
                term = record[0] if parameter.param_type_name == "option" else _term(parameter)
                shown[parameter.param_type_name].append((term, in_words(record[1])))
        _write_list(formatter, "Arguments", shown["argument"])
        _write_list(formatter, "Options", shown["option"])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is Click's
        """Write the examples."""
        _, *examples = _EXAMPLE.split(inspect.cleandoc(self.help or ""))
        for example in examples:
            formatter.write(f"\nExample:\n{textwrap.indent(textwrap.dedent(example), '  ')}\n")


class PlainCommand(_PlainHelp, TyperCommand):
    """A command with plain help."""


class PlainGroup(_PlainHelp, TyperGroup):
    """A group of commands, listed in sections: the `rich_help_panel` of a command is the title of its section."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words behind the name of the group."""
        return [*super().collect_usage_pieces(ctx), "COMMAND", "[ARGUMENTS]..."]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of the group, then its commands."""
        self.format_parameters(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands in their sections, in the order in which they were added."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                section = getattr(command, "rich_help_panel", None)
                title = section if isinstance(section, str) else "Commands"
                sections.setdefault(title, []).append((name, command.get_short_help_str()))
        widest = max((len(name) for rows in sections.values() for name, _ in rows), default=0)
        for title, rows in sections.items():
            _write_list(formatter, title, rows, widest=widest)


def _paragraphs(text: str | None) -> list[str]:
    return re.split(r"\n\s*\n", inspect.cleandoc(text or ""))


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines of `width` columns at most; a word that is longer, such as a path, has a line of its own."""
    return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


def _parameters(command: Any, ctx: Any) -> list[Any]:
    return list(command.get_params(ctx))


def _term(argument: Any) -> str:
    """Return an argument as usage lines and lists show it: NAME, NAME... for several, [NAME] if it may be left out.

    Every Typer decorates it in its own way.
    """
    name = re.sub(r"[][{}.]", "", argument.metavar or argument.name.upper())
    name = name if argument.nargs == 1 else f"{name}..."
    return name if argument.required else f"[{name}]"


def in_words(text: str) -> str:
    """Return Click's description of a parameter with the range in words and defaults without parentheses.

    >>> in_words("Threads.  [default: (all); 1<=x<=64]")
    'Threads.  [default: all; 1 to 64]'
    >>> in_words("Frames to measure.  [default: 500; x>=1]")
    'Frames to measure.  [default: 500; at least 1]'
    """
    text = text.replace("\\[", "[")  # Typer 0.20 escapes it for rich in plain help, too
    text = re.sub(r"([^\s;[]+)<=x<=([^\s;\]]+)", r"\1 to \2", text)
    text = re.sub(r"\bx>=([^\s;\]]+)", r"at least \1", text)
    return re.sub(r"default: \(([^)]*)\)", r"default: \1", text)


def _write_list(formatter: Any, title: str, rows: Sequence[tuple[str, str]], *, widest: int | None = None) -> None:
    """Write a titled list of terms and their descriptions, aligned at the widest term."""
    if not rows:
        return
    if widest is None:
        widest = max((len(term) for term, _ in rows if len(term) <= _WIDEST_TERM), default=0)
    column = formatter.indent_increment + widest + _GAP
    formatter.write(f"\n{title}:\n")
    formatter.write("".join(f"{line}\n" for row in rows for line in _row(row, column, widest, formatter.width)))


def _row(row: tuple[str, str], column: int, widest: int, width: int) -> Iterable[str]:
    term, description = row
    lines = _wrapped(description, width - column)
    if len(term) > widest:
        yield f"  {term}"
    else:
        yield f"  {term:<{widest + _GAP}}{lines.pop(0) if lines else ''}".rstrip()
    for line in lines:
        yield f"{'':{column}}{line}"
