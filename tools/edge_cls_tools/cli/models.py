"""`edge-cls models`: list, build and fetch the backbones of the registry.

`list` and `path` need no extra for what ships or is built here, so they work on the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption
from edge_cls.cli.verbosity import note

if TYPE_CHECKING:
    from edge_cls_tools.backbones.registry import KnownModel
    from edge_cls_tools.backbones.store import LocalFile

models = typer.Typer(
    help="List the known backbones, and build or fetch them.", no_args_is_help=True, rich_markup_mode=None
)


@models.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the known backbones and which of them are on this machine.

    Example:
      edge-cls models list
    """
    from edge_cls.model.names import DEFAULT
    from edge_cls_tools.backbones.places import local_path
    from edge_cls_tools.backbones.registry import Built, Shipped, known_models
    from edge_cls_tools.cli.text_table import text_table

    rows = []
    for model in known_models().values():
        path = local_path(model)
        put_here = "built" if isinstance(model, Built) else "fetched"
        here = "shipped" if isinstance(model, Shipped) else put_here if path.exists() else None
        rows.append(model.model_dump() | {"default": model.name == DEFAULT, "here": here, "path": str(path)})
    if as_json:
        print_json({"models": rows})
        return
    table = [("name", "input", "embedding", "licence", "sha256", "here", "summary")]
    for row in rows:
        sha256 = "known" if row["sha256"] else "unverified"
        summary = row["summary"] + ("; the default" if row["default"] else "")
        size = f"{row['input_size']} x {row['input_size']}"
        table.append((row["name"], size, str(row["embedding"]), row["licence"], sha256, row["here"] or "-", summary))
    for line in text_table(table):
        typer.echo(line)


NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A name as in 'edge-cls models list', or default.", show_default=False)
]


@models.command("path")
def model_path(name: NameArgument) -> None:
    """Print the path of a backbone, building or fetching it first.

    Example:
      edge-cls models path lite0-160
    """
    with quiet_native_libraries():
        from edge_cls.model.backbones import backbone_path
        from edge_cls.model.names import NAMES

        path = backbone_path(name) if name in NAMES else _fetched(name)[1].path
    typer.echo(path)


@models.command("fetch")
def fetch_model(name: NameArgument) -> None:
    """Fetch or build a backbone, check it, and print its path.

    Example:
      edge-cls models fetch mobilenet_v2_1.0_224
    """
    with quiet_native_libraries():
        from edge_cls_tools.backbones.registry import Built, Shipped

        model, file = _fetched(name)
    put_here = "was built" if isinstance(model, Built) else "fetched"
    how = put_here if file.fetched else "ships with edge-cls" if isinstance(model, Shipped) else "is already here"
    whose = "the sha256 of its weights" if isinstance(model, Built) else "its sha256"
    if model.sha256:
        note(f"{name} {how}; {whose} matches the registry")
    else:
        note(f"{name} {how}; its sha256 is {file.sha256} (no published checksum to compare with)")
    typer.echo(file.path)


def _fetched(name: str) -> tuple[KnownModel, LocalFile]:
    from edge_cls.model.names import actual_name
    from edge_cls_tools.backbones.registry import find_model

    model = find_model(actual_name(name))  # before libraries are needed that the device lacks
    from edge_cls_tools.backbones.store import fetch
    from edge_cls_tools.cli.progress import download_display

    with download_display() as display:
        task = display.add_task(name, total=None)
        return model, fetch(model, lambda done, total: display.update(task, completed=done, total=total))
