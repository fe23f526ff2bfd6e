"""`edge-cls memory`: see, mend, keep and exchange what was taught. Each file here holds a few related commands."""

from __future__ import annotations

import typer

from edge_cls.cli.memory.changing import forget, move, redo, relabel, remove, undo
from edge_cls.cli.memory.coaching import coach
from edge_cls.cli.memory.exchange import export_memory, import_examples
from edge_cls.cli.memory.keeping import backup, check, reembed, restore, vacuum
from edge_cls.cli.memory.looking import list_classes, show

memory = typer.Typer(
    help="See, change, keep and exchange what was taught.", no_args_is_help=True, rich_markup_mode=None
)
memory.command("list")(list_classes)
for _command in (show, coach, undo, redo, forget, relabel, move, remove, vacuum, check, backup, restore, reembed):
    memory.command()(_command)
memory.command("export")(export_memory)
memory.command("import")(import_examples)
