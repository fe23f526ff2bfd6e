"""`edge-cls models`: list and fetch the backbones of the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption
from edge_cls.cli.verbosity import note

models = typer.Typer(help="List the known backbones, and fetch them.", no_args_is_help=True, rich_markup_mode=None)


@models.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the known backbones and which of them are on this machine.

    Example:
      edge-cls models list
    """
    from edge_cls_tools.backbones.registry import Shipped, known_models
    from edge_cls_tools.backbones.store import local_path
    from edge_cls_tools.cli.text_table import text_table

    rows = []
    for model in known_models().values():
        path = local_path(model)
        here = "shipped" if isinstance(model, Shipped) else "fetched" if path.exists() else None
        rows.append(model.model_dump() | {"here": here, "path": str(path)})
    if as_json:
        print_json({"models": rows})
        return
    table = [("name", "input", "embedding", "licence", "sha256", "here", "summary")]
    for row in rows:
        sha256 = "known" if row["sha256"] else "unverified"
        size = f"{row['input_size']} x {row['input_size']}"
        table.append(
            (row["name"], size, str(row["embedding"]), row["licence"], sha256, row["here"] or "-", row["summary"])
        )
    for line in text_table(table):
        typer.echo(line)


@models.command("fetch")
def fetch_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name as in 'edge-cls models list'.", show_default=False)
    ],
) -> None:
    """Fetch a backbone, check it, and print the path of its file.

    Example:
      edge-cls models fetch mobilenet_v2_1.0_224
    """
    with quiet_native_libraries():
        from edge_cls_tools.backbones.registry import Shipped, find_model
        from edge_cls_tools.backbones.store import fetch
        from edge_cls_tools.cli.progress import download_display

        model = find_model(name)
        with download_display() as display:
            task = display.add_task(name, total=None)
            file = fetch(model, lambda done, total: display.update(task, completed=done, total=total))
    how = "fetched" if file.fetched else "ships with edge-cls" if isinstance(model, Shipped) else "is already here"
    if model.sha256:
        note(f"{name} {how}; its sha256 matches the registry")
    else:
        note(f"{name} {how}; its sha256 is {file.sha256} (no published checksum to compare with)")
    typer.echo(file.path)
