"""`edge-cls memory export` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.opened import count, opened
from edge_cls.cli.options import MemoryOption
from edge_cls.cli.verbosity import note
from edge_cls.model.names import CHOICES

if TYPE_CHECKING:
    from edge_cls.memory.exchange.importing import Imported

_FORMS = ("dataset", "db")


def export_memory(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, help="The folder or file to write.", show_default=False)
    ],
    memory: MemoryOption,
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FORM",
            help="dataset (one folder per class, as 'edge-cls train' reads it) or db (a memory for another device).",
            show_default="by the suffix of OUT, otherwise dataset",
            autocompletion=lambda incomplete: [form for form in _FORMS if form.startswith(incomplete)],
        ),
    ] = None,
) -> None:
    """Export the examples as a data set or as another memory.

    Example:
      edge-cls memory export photos --memory taught.db
    """
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
            metavar="SOURCE",
            readable=False,
            help="Results of 'memory export', or folders with one folder of photos per class.",
            show_default=False,
        ),
    ],
    memory: MemoryOption,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            readable=False,
            help=f"Model that embeds the photos: {CHOICES}.",
            show_default="the backbone of the memory, or lite0-160",
        ),
    ] = None,
) -> None:
    """Merge examples from another device or from photos.

    The result does not depend on the order, and importing twice changes nothing. Deletions of the other device are
    merged, too.

    Example:
      edge-cls memory import other.db photos --memory taught.db
    """
    import functools

    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.errors import EdgeClsError, MemoryFileError
    from edge_cls.memory.exchange.importing import import_into
    from edge_cls.model.backbones import load_model
    from edge_cls.model.model import Model

    @functools.cache
    def network(space: str | None) -> Model:
        return Model(load_model(model, space=space))

    for source in sources:
        if not source.exists():
            raise MemoryFileError(f"{source} does not exist", hint="check the path")
    failed = False
    with quiet_native_libraries(), opened(memory, make=True) as taught:
        for source in sources:
            imported = import_into(taught, source, network, chosen=model is not None)
            for problem in imported.problems:
                # The other photos are still imported.
                typer.echo(f"error: {problem}", err=True)
                failed = True
            _report(source, imported)
    if failed:
        raise typer.Exit(EdgeClsError.exit_code)


def _report(source: Path, imported: Imported) -> None:
    from edge_cls.errors import one_line

    merged = imported.merged
    new = merged.added or merged.changed or merged.deleted
    typer.echo(
        f"{one_line(str(source))}: {merged.added} added, {merged.changed} changed, {merged.deleted} deleted, "
        f"{merged.unchanged} known{'; undo: edge-cls memory undo' if new else ''}"
    )
    if imported.missing:
        note(
            f"{imported.missing} photos are missing from the export; their examples are kept "
            "(to delete them: edge-cls memory remove ID)"
        )
