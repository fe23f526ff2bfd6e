"""The `edge-cls` command. Each subcommand has its own file; the workstation's commands join by entry points."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_cls.cli.bench import bench
from edge_cls.cli.classify import classify
from edge_cls.cli.config import config
from edge_cls.cli.doctor import doctor
from edge_cls.cli.export_labels import export_labels
from edge_cls.cli.import_model import import_model
from edge_cls.cli.inspect import inspect
from edge_cls.cli.memory import memory
from edge_cls.cli.plain_help import PlainGroup, use_plain_help
from edge_cls.cli.reported_errors import errors_reported
from edge_cls.cli.run import run
from edge_cls.cli.service import service
from edge_cls.cli.teach import teach
from edge_cls.cli.verbosity import verbosity
from edge_cls.version import __version__

SECTIONS = {
    "On the workstation": (
        "demo", "dataset", "train", "quantize", "evaluate", "models", "fewshot", "distill", "import-model", "edgetpu",
    ),
    "On the device": ("classify", "teach", "run", "config", "service"),
    "What was taught": ("memory",),
    "Maintenance": ("doctor", "inspect", "export-labels", "bench"),
}  # fmt: skip
"""The commands in the order in which a newcomer needs them. A command that is not listed is shown below "More"."""
_SECTION_OF = {name: title for title, names in SECTIONS.items() for name in names}

_HELP = """
Train, quantise and run image classifiers on small cameras, and teach them new
classes on the device.

Example:
  edge-cls demo
  edge-cls teach mug mug1.jpg mug2.jpg mug3.jpg --memory taught.db
  edge-cls run --source picamera2 --memory taught.db
"""


class _Main(PlainGroup):
    """Lists the commands in the order of their sections; Typer lists all groups behind all commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        order = {name: number for number, name in enumerate(_SECTION_OF)}
        return sorted(super().list_commands(ctx), key=lambda name: order.get(name, len(order)))


@functools.cache
def command() -> Any:
    """Return the command with all its subcommands, built once per process, because that takes a tenth of a second.

    Only the signatures are loaded, not the libraries that the commands use. Typer brings a Click of its own or not,
    depending on its version: the type of a command has no single name.
    """
    return typer.main.get_command(_build_app())


def _build_app() -> typer.Typer:
    app = typer.Typer(
        name="edge-cls",
        cls=_Main,
        help=_HELP,
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    commands: dict[str, Callable[..., Any] | typer.Typer] = {
        "classify": classify, "teach": teach, "run": run, "config": config, "service": service, "memory": memory,
        "import-model": import_model, "inspect": inspect, "export-labels": export_labels, "doctor": doctor,
        "bench": bench,
    }  # fmt: skip
    for entry in sorted(entry_points(group="edge_cls.commands"), key=lambda entry: entry.name):
        commands[entry.name] = entry.load()
    for name, one in commands.items():
        section = _SECTION_OF.get(name, "More")
        if isinstance(one, typer.Typer):
            app.add_typer(one, name=name, rich_help_panel=section)
        else:
            app.command(name, rich_help_panel=section)(one)
    use_plain_help(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-cls {__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback has done the work
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the debug log and the messages of native libraries, too.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show results and errors only: no notes, no progress.")
    ] = False,
) -> None:
    context.with_resource(verbosity(verbose=verbose, quiet=quiet))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, with the arguments of the process if `arguments` is None.

    An error that a person can correct is one line on stderr and the exit code of its class.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the parent process has closed it
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it stays open until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that is not valid UTF-8 is printed escaped, as JSON escapes it too.
        sys.stdout.reconfigure(errors="backslashreplace")
    with errors_reported():
        command()(arguments, prog_name="edge-cls")
