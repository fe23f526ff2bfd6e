"""`edge-cls config`: write, check and show the configuration of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.options import JsonOption
from edge_cls.cli.verbosity import note

config = typer.Typer(
    help="Write, check and show the configuration of a device.", no_args_is_help=True, rich_markup_mode=None
)

_File = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        readable=False,
        envvar="EDGE_CLS_CONFIG",
        help="The configuration, a TOML file.",
        show_default="/etc/edge-cls/config.toml",
    ),
]


@config.command()
def init(
    file: _File = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write an example that explains every setting and sets none.

    Example:
      edge-cls config init config.toml
    """
    from edge_cls.config import DEFAULT_FILE, example
    from edge_cls.errors import OutputError, one_line
    from edge_cls.files import write_whole

    path = file or DEFAULT_FILE
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist", hint=f"create it: mkdir -p {path.parent}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder", hint=f"name a file: {path / DEFAULT_FILE.name}")
    if not force and (path.exists() or path.is_symlink()):
        raise OutputError(f"{path} exists", hint=f"replace it with --force, or check it: edge-cls config check {path}")
    write_whole(path, example().encode())
    # The service has a user of its own, which must be able to read the file whatever root's umask is.
    path.chmod(0o644)
    typer.echo(f"wrote {one_line(str(path))}; edit it, then: edge-cls config check {one_line(str(path))}")


@config.command()
def check(file: _File = None) -> None:
    """Check a configuration and the files, devices and users it names.

    Each problem is one line on standard output. Exit code 78 if there is any.

    Example:
      edge-cls config check config.toml
    """
    import os

    from edge_cls.config import DEFAULT_FILE, load
    from edge_cls.config.checks import Confinement, missing, model_of_service, warnings
    from edge_cls.errors import ConfigError, one_line
    from edge_cls.systemd.unit import own_folders

    path = file or DEFAULT_FILE
    try:
        loaded = load(path, environ=os.environ)
    except ConfigError as error:
        if not error.problems:
            raise
        problems = list(error.problems)
        note("correct these first; then the files and devices that it names are checked:")
    else:
        problems = list(map(str, missing(loaded)))
        service = Confinement(shown=own_folders())
        for warning in warnings(loaded, path, service=service):
            note(f"warning: {warning}")
        if service.reads(path):
            note(f"model: {model_of_service(loaded)}")
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(ConfigError.exit_code)
    typer.echo(f"{one_line(str(path))}: no problems found")


@config.command()
def show(file: _File = None, as_json: JsonOption = False) -> None:
    """Show every setting in force and its origin.

    A setting comes from the file, the environment or the defaults. Of a URL with a password only the host is shown.

    Example:
      edge-cls config show config.toml
    """
    import json
    import os

    from edge_cls.config import DEFAULT_FILE, load
    from edge_cls.config.display import as_toml, settings

    path = file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    loaded = load(path, environ=os.environ)
    listed = settings(loaded, environ=os.environ)
    if as_json:
        document = {
            "file": None if path is None else str(path),
            "settings": loaded.model_dump(),  # passwords are hidden by `print_json`
            "from": {".".join(one.path): one.origin for one in listed},
        }
        print_json(document)
    else:
        typer.echo(f"# {'No file' if path is None else json.dumps(str(path))}\n{as_toml(listed)}", nl=False)
