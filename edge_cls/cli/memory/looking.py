"""`edge-cls memory list` and `show`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.memory.opened import existing_class, opened, short
from edge_cls.cli.options import JsonOption, MemoryOption
from edge_cls.cli.verbosity import note


def list_classes(memory: MemoryOption, as_json: JsonOption = False) -> None:
    """List the classes and how many examples each has.

    Example:
      edge-cls memory list --memory taught.db
    """
    from edge_cls.errors import one_line

    with opened(memory) as taught:
        classes = taught.classes()
    if as_json:
        rows = [{"label": label, "examples": examples} for label, examples in classes.items()]
        print_json({"classes": rows})
        return
    for label, examples in classes.items():
        typer.echo(f"{examples:7}  {one_line(label)}")
    if not classes:
        note(f"{one_line(str(memory))} is empty; teach with 'edge-cls teach'")


def show(
    which: Annotated[
        str,
        typer.Argument(
            metavar="LABEL|ID", help="A label, or the id of an example or its beginning.", show_default=False
        ),
    ],
    memory: MemoryOption,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the crops to this folder, as ID.jpg.", readable=False, show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the examples of a class, or one example.

    Example:
      edge-cls memory show mug --memory taught.db --save crops
    """
    from edge_cls.errors import one_line
    from edge_cls.files import write_whole

    with opened(memory) as taught:
        if which.strip() in taught.classes():
            examples = taught.examples(which.strip())
        else:
            if not _could_be_id(which):
                existing_class(taught, which)
            examples = [taught.find(which)]
        if save is not None:
            for example in examples:
                if crop := taught.crop(example.id):
                    write_whole(save / Path(f"{example.id}.jpg").name, crop)
    if as_json:
        rows = [
            {"id": one.id, "label": one.label, "taught_at": one.taught_at, "device": one.device} for one in examples
        ]
        print_json({"examples": rows})
        return
    for one in examples:
        at = datetime.fromtimestamp(one.taught_at).isoformat(" ", "seconds")
        typer.echo(f"{short(one.id)}  {at}  {one_line(one.device)}  {one_line(one.label)}".rstrip())


def _could_be_id(text: str) -> bool:
    return bool(text) and set(text.lower()) <= set("0123456789abcdef-")
