"""`edge-cls service`: edge-cls as a service of systemd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.options import JsonOption
from edge_cls.cli.verbosity import note

service = typer.Typer(
    help="Run edge-cls as a service of systemd, from every boot on.", no_args_is_help=True, rich_markup_mode=None
)


@service.command()
def install(
    now: Annotated[bool, typer.Option("--now", help="Start it at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the unit file.")] = False,
) -> None:
    """Install the service, which starts at every boot.

    Its user and an example of a configuration are created if they are missing. The backbone that the service needs is
    built below /var/lib/edge-cls.

    Example:
      sudo edge-cls service install --now
    """
    import grp

    from edge_cls.config import example
    from edge_cls.systemd import installation, unit

    if not dry_run:
        _require_root("install --now" if now else "install")
    text = unit.render(unit.template(), command=unit.own_command(), folders=unit.own_folders())
    if dry_run:
        typer.echo(text, nl=False)
        return
    user = unit.render_user({group.gr_name for group in grp.getgrall()})
    new = installation.install(unit=text, user=user, config=example(), prepare=_build_backbone, now=now)
    if new:
        typer.echo(f"installed; name the camera in /{installation.CONFIG}, then: sudo systemctl start edge-cls")
    else:
        typer.echo(f"installed{' and started' if now else ''}; see: edge-cls service status")


@service.command()
def uninstall(
    purge: Annotated[
        bool, typer.Option("--purge", help="Also remove the configuration, the user and the taught examples.")
    ] = False,
) -> None:
    """Stop and remove the service; its configuration and state stay.

    Example:
      sudo edge-cls service uninstall
    """
    from edge_cls.systemd import installation

    _require_root("uninstall --purge" if purge else "uninstall")
    left = installation.uninstall(purge=purge)
    typer.echo(
        "removed, with its configuration, its user and its state"
        if purge
        else "removed; /etc/edge-cls and /var/lib/edge-cls are still there"
    )
    for folder in left:
        note(f"{folder}, the target of a link, is still there")


@service.command()
def status(as_json: JsonOption = False) -> None:
    """Show whether the service runs.

    Exit code 0 if it does, and 3 if it does not.

    Example:
      edge-cls service status
    """
    import dataclasses

    from edge_cls.systemd import installation

    installation.require_systemd()
    now = installation.status()
    if as_json:
        print_json(dataclasses.asdict(now))
    elif now.load == "not-found":
        typer.echo("not installed; install it: edge-cls service install")
    else:
        result = "" if now.result == "success" else f", {now.result}"
        typer.echo(f"{now.active} ({now.sub}{result}), {now.enabled}")
        if now.text and now.pid:
            typer.echo(f"says:     {now.text}")
        typer.echo(f"process:  {now.pid or 'none'}")
        typer.echo(f"restarts: {now.restarts}")
    if not now.is_active:
        raise typer.Exit(3)


@service.command()
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new lines until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, help="Number of lines to show.")] = 100,
) -> None:
    """Show the log of the service.

    Example:
      edge-cls service logs --follow
    """
    from edge_cls.systemd import installation

    installation.require_systemd()
    raise typer.Exit(installation.show_log(lines=lines, follow=follow))


def _build_backbone(state: Path) -> None:
    """Build the backbone of the service below `state`, unless it has a model file. A failure is only reported."""
    import tempfile

    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.config import DEFAULT_FILE, load
    from edge_cls.errors import EdgeClsError
    from edge_cls.files import as_owner_of, write_whole
    from edge_cls.model.backbones import backbone_path
    from edge_cls.model.names import LITE0

    try:
        chosen = load(DEFAULT_FILE, environ={}).model
    except EdgeClsError:  # the service reports it
        chosen = None
    name = "default" if chosen is None else str(chosen)
    if name not in ("default", *LITE0):
        return
    try:
        # Built as root, because outside of the service its user may not be able to read the files of edge-cls.
        with quiet_native_libraries(), tempfile.TemporaryDirectory() as folder:
            built = backbone_path(name, cache=Path(folder))
            content = built.read_bytes()
        path = state / "backbones" / built.name
        with as_owner_of(state):
            write_whole(path, content)
    except EdgeClsError as error:
        note(f"warning: {error}")
    else:
        note(f"backbone: {path}")


def _require_root(words: str) -> None:
    """Raise ServiceError with the line to type if this is not root or there is no systemd."""
    import os

    from edge_cls.errors import ServiceError
    from edge_cls.systemd import installation, unit

    installation.require_systemd()
    if os.geteuid() != 0:
        raise ServiceError("this needs root", hint=f"run: sudo {unit.own_command()} service {words}")
