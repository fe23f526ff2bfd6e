"""`edge-cls memory export` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.opened import count, opened
from edge_cls.cli.options import MemoryOption

if TYPE_CHECKING:
    from edge_cls.memory.exchange.importing import Imported


def export_memory(
    out: Annotated[Path, typer.Argument(readable=False, help="The folder or file to write.", show_default=False)],
    memory: MemoryOption,
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="dataset (one folder per class, for train) or db (another memory).",
            show_default="what the suffix of OUT says, or dataset",
        ),
    ] = None,
) -> None:
    """Export the memory as a data set or as a memory for another device."""
    from edge_cls.errors import one_line
    from edge_cls.memory.exchange.exporting import export, form_of

    chosen = form_of(out, form)
    with opened(memory) as taught:
        export(taught, out, chosen)
        classes = taught.classes()
    typer.echo(f"{one_line(str(out))}: {count(sum(classes.values()))} of {len(classes)} classes, as {chosen}")


def import_examples(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            readable=False,
            help="What 'memory export' wrote, or folders with a folder of photos a class.",
            show_default=False,
        ),
    ],
    memory: MemoryOption,
    model: Annotated[
        Path | None,
        typer.Option(readable=False, help="The model to embed photos with.", show_default="the built-in backbone"),
    ] = None,
) -> None:
    """Merge examples from elsewhere. Neither the order nor repetition matters; deletions come along."""
    import functools

    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.errors import EdgeClsError, MemoryFileError
    from edge_cls.memory.exchange.importing import import_into
    from edge_cls.model.builtin import builtin_file
    from edge_cls.model.file import read_model
    from edge_cls.model.model import Model

    @functools.cache
    def network() -> Model:
        return Model(read_model(model or builtin_file("edge-embed.tflite")))

    for source in sources:
        if not source.exists():
            raise MemoryFileError(f"{source} does not exist", hint="check the path")
    failed = False
    with quiet_native_libraries(), opened(memory, make=True) as taught:
        for source in sources:
            imported = import_into(taught, source, network, chosen=model is not None)
            for problem in imported.problems:
                # One bad photo does not cost the others their place.
                typer.echo(f"error: {problem}", err=True)
                failed = True
            _tell(source, imported)
    if failed:
        raise typer.Exit(EdgeClsError.exit_code)


def _tell(source: Path, imported: Imported) -> None:
    from edge_cls.errors import one_line

    merged = imported.merged
    new = merged.added or merged.changed or merged.deleted
    typer.echo(
        f"{one_line(str(source))}: {merged.added} added, {merged.changed} changed, {merged.deleted} deleted, "
        f"{merged.unchanged} known{'; undo: edge-cls memory undo' if new else ''}"
    )
    if imported.missing:
        typer.echo(
            f"photos of the export that are gone: {imported.missing}; their examples are left as they are "
            "(to delete them: edge-cls memory remove ID)",
            err=True,
        )
