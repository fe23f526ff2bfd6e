"""`edge-cls memory`: look at, change, keep and exchange the taught examples. Each file has one kind of command."""

from __future__ import annotations

from collections.abc import Callable

import typer

from edge_cls.cli.memory.changing import forget, move, redo, relabel, remove, undo
from edge_cls.cli.memory.coaching import coach
from edge_cls.cli.memory.exchange import export_memory, import_examples
from edge_cls.cli.memory.keeping import backup, check, reembed, restore, vacuum
from edge_cls.cli.memory.looking import list_classes, show
from edge_cls.cli.memory.why import why

memory = typer.Typer(
    help="Look at, change, keep and exchange the taught examples.", no_args_is_help=True, rich_markup_mode=None
)
_SECTIONS: dict[str, dict[str, Callable[..., None]]] = {
    "Look": {"list": list_classes, "show": show, "coach": coach, "why": why},
    "Change": {"relabel": relabel, "move": move, "remove": remove, "forget": forget},
    "Undo": {"undo": undo, "redo": redo},
    "Keep": {"check": check, "backup": backup, "restore": restore, "vacuum": vacuum, "reembed": reembed},
    "Exchange": {"export": export_memory, "import": import_examples},
}
for _section, _commands in _SECTIONS.items():
    for _name, _command in _commands.items():
        memory.command(_name, rich_help_panel=_section)(_command)
