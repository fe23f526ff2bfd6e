"""The `edge-cls` command. Each command has a file of its own here; the workstation's join by entry point."""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.bench import bench
from edge_cls.cli.classify import classify
from edge_cls.cli.config import config
from edge_cls.cli.doctor import doctor
from edge_cls.cli.export_labels import export_labels
from edge_cls.cli.import_model import import_model
from edge_cls.cli.inspect import inspect
from edge_cls.cli.memory import memory
from edge_cls.cli.run import run
from edge_cls.cli.service import service
from edge_cls.cli.teach import teach
from edge_cls.errors import EdgeClsError, MissingDependency, one_line
from edge_cls.version import __version__

_EXTRA_OF = dict.fromkeys(
    ("tensorflow", "keras", "sklearn", "platformdirs", "requests", "jinja2", "matplotlib", "scipy", "imagehash"), "host"
) | {"skimage": "demo"}


def build_app() -> typer.Typer:
    """Return the command with all its subcommands. Only their signatures are loaded, not what they need."""
    app = typer.Typer(
        name="edge-cls",
        help="Train, quantise and run image classifiers on small cameras, and teach them new classes.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    for command in (classify, teach, run, import_model, inspect, export_labels, doctor, bench):
        app.command()(command)
    for name, group in {"config": config, "memory": memory, "service": service}.items():
        app.add_typer(group, name=name)
    for entry in sorted(entry_points(group="edge_cls.commands"), key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-cls {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, quantise and run image classifiers on small cameras, and teach them new classes."""


def main() -> None:
    """Run the command line. An error that a person can mend is one line on stderr, and the exit code of its class."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started it has closed it
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it is for as long as the process lives
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that is no UTF-8 is printed escaped, as JSON escapes it too.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            build_app()(prog_name="edge-cls")
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        finally:
            # Here, where a failure can still be told, and not at the interpreter's end.
            sys.stdout.flush()
    except EdgeClsError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except MemoryError:
        _complain("there is not enough memory for this; close other programs, or give smaller files")
        sys.exit(1)
    except KeyboardInterrupt:
        # Typer says the same where it is already at work: it is what a shell expects of a program that Ctrl-C ended.
        sys.exit(130)
    except OSError as error:
        # What could not be written is dropped: otherwise Python would try, and complain, again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):  # whoever read our output has had enough, as `head` does
            # Disks fill up and folders lose their rights anywhere: that is the world's fault, not a bug to be traced.
            message = ": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error)
            _complain(f"{one_line(message)}; check the disk, and the rights of the file")
        sys.exit(1)


def _complain(message: str) -> None:
    # Inside, because hardly any run has an error.
    from edge_cls.systemd.logs import error_prefix

    typer.echo(f"{error_prefix(os.environ)}error: {message}", err=True)


def _missing(error: ModuleNotFoundError) -> MissingDependency | ModuleNotFoundError:
    module = (error.name or "").partition(".")[0]
    if module not in _EXTRA_OF:
        return error
    return MissingDependency(
        f"this command needs {module}, which is not installed",
        hint=f"run: pip install 'edge-cls[{_EXTRA_OF[module]}]'",
    )
