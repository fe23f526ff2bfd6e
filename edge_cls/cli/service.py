"""`edge-cls service`: the appliance as a service of systemd."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_cls.cli.options import JsonOption

service = typer.Typer(help="Run the appliance as a service of systemd.", no_args_is_help=True, rich_markup_mode=None)


@service.command()
def install(
    now: Annotated[bool, typer.Option("--now", help="Start it at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the unit.")] = False,
) -> None:
    """Install the service, to be started at every boot. What it lacks is made: a user, a configuration."""
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
    new = installation.install(unit=text, user=user, config=example(), now=now)
    if new:
        typer.echo(f"installed; name the camera in /{installation.CONFIG}, then: sudo systemctl start edge-cls")
    else:
        typer.echo(f"installed{' and started' if now else ''}; see: edge-cls service status")


@service.command()
def uninstall(
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove configuration, user, and all that was taught, as well.")
    ] = False,
) -> None:
    """Stop the service and remove it. Its configuration and its state stay."""
    from edge_cls.systemd import installation

    _require_root("uninstall --purge" if purge else "uninstall")
    left = installation.uninstall(purge=purge)
    typer.echo("removed, with all it had" if purge else "removed; /etc/edge-cls and /var/lib/edge-cls are still there")
    for folder in left:
        typer.echo(f"{folder}, which a link led to, is still there", err=True)


@service.command()
def status(as_json: JsonOption = False) -> None:
    """Tell how the service is. Exits with 0 where it works, and with 3 where it does not."""
    import dataclasses
    import json

    from edge_cls.systemd import installation

    installation.require_systemd()
    now = installation.status()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(now), indent=2, ensure_ascii=False))
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
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to show.")] = 100,
) -> None:
    """Show the log of the service."""
    from edge_cls.systemd import installation

    installation.require_systemd()
    raise typer.Exit(installation.show_log(lines=lines, follow=follow))


def _require_root(words: str) -> None:
    """Raise ServiceError with the line to type, where this is not root or there is no systemd."""
    import os

    from edge_cls.errors import ServiceError
    from edge_cls.systemd import installation, unit

    installation.require_systemd()
    if os.geteuid() != 0:
        raise ServiceError("this needs root", hint=f"run: sudo {unit.own_command()} service {words}")
