"""`edge-cls dataset`: from a messy folder of photos to one that can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption

if TYPE_CHECKING:
    from edge_cls_tools.dataset.check.findings import Diagnosis, Finding

dataset = typer.Typer(
    help="Check a folder of photos, split it without leaks, and import what others publish.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_EXAMPLES = 3


@dataset.command("check")
def check(
    data: Annotated[
        Path,
        typer.Argument(readable=False, help="A folder a class, or train, val and test folders.", show_default=False),
    ],
    as_json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option(readable=False, help="The HTML page to write, with the photos in it.")
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(readable=False, help="The folder to move unusable files to; 'dataset restore' moves them back."),
    ] = None,
    labels: Annotated[bool, typer.Option(help="Look for wrong labels and odd photos, which takes longest.")] = True,
) -> None:
    """Find what is the matter with a folder of photos. Exit code 1 for unusable files or leaks between splits."""
    import json

    from edge_cls_tools.dataset.check import quarantine as ward

    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset.check.diagnosis import diagnose

        with progress_display() as display:
            diagnosis = diagnose(data, display, check_labels=labels)
            if report:
                from edge_cls.files import write_whole
                from edge_cls_tools.report.dataset_page import dataset_page

                write_whole(report, dataset_page(diagnosis))
    if as_json:
        typer.echo(json.dumps(_as_json(diagnosis), indent=2))
    else:
        _show(diagnosis)
    if quarantine and (moved := ward.quarantine(diagnosis.of_kind("unusable"), data, quarantine)):
        typer.echo(
            f"moved to {quarantine}: {len(moved)}; 'edge-cls dataset restore {quarantine}' moves them back",
            err=True,
        )
    if not diagnosis.sound:
        raise typer.Exit(1)


@dataset.command("restore")
def restore(
    quarantine: Annotated[
        Path, typer.Argument(readable=False, help="The folder given to 'check --quarantine'.", show_default=False)
    ],
) -> None:
    """Move the files in quarantine back to where they came from. Exit code 1 when one of them had to stay."""
    from edge_cls_tools.dataset.check import quarantine as ward

    restored, kept = ward.restore(quarantine)
    typer.echo(f"moved back: {len(restored)}")
    for path, why in kept:
        typer.echo(f"{path} stays; {why}", err=True)
    if kept:
        raise typer.Exit(1)


@dataset.command("split")
def split(
    data: Annotated[
        Path,
        typer.Argument(readable=False, help="A folder a class, or train, val and test folders.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Argument(readable=False, help="The folder to write train, val and test to.", show_default=False)
    ],
    seed: Annotated[int, typer.Option(min=0, help="Of the split.")] = 0,
    validation: Annotated[float, typer.Option(min=0, max=0.9, help="The share of the val folder.")] = 0.15,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="The share of the test folder.")] = 0.2,
    link: Annotated[
        bool, typer.Option("--link", help="Make hard links, which take no space, instead of copies.")
    ] = False,
) -> None:
    """Write train, val and test folders in which no photo looks like one of another folder. DATA is not changed."""
    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset.split import write_split

        with progress_display() as display:
            done = write_split(data, out, seed=seed, validation=validation, test=test, link=link, display=display)
    typer.echo(f"{out}: {', '.join(f'{count} {name}' for name, count in done.photos.items())}")
    if done.left_out:
        typer.echo(f"unusable and left out: {done.left_out}; 'edge-cls dataset check {data}' names them", err=True)
    if done.train_only:
        typer.echo(f"too few different photos, so in train alone: {', '.join(done.train_only)}", err=True)


@dataset.command("import")
def import_dataset(
    source: Annotated[
        str,
        typer.Argument(
            help="mnist, fashion_mnist, cifar10 or cifar100; a ZIP of a folder a class, as Teachable Machine exports "
            "samples; or a folder of photos with a list of their classes.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Argument(readable=False, help="The folder to write, a folder a class.", show_default=False)
    ],
    files: Annotated[
        list[Path] | None,
        typer.Option(readable=False, help="The published files of the set; without, keras.datasets has them."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="The list: a file and its class a line, CSV or text. Found by itself if known."
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option(readable=False, help="The names of classes that are numbers in the list.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Make hard links of photos in a folder, not copies.")] = False,
) -> None:
    """Make a folder a class of what others publish. Folders a class, as ImageNet's train, need no import."""
    from edge_cls_tools.cli.progress import progress_display

    with quiet_native_libraries(), progress_display() as display:
        from edge_cls_tools.dataset.importing.keras_sets import SETS, import_keras_set
        from edge_cls_tools.dataset.importing.listed_tree import import_listed
        from edge_cls_tools.dataset.importing.samples_zip import import_samples

        task = display.add_task("importing", total=None, note="")
        missing = 0
        if source in SETS:
            photos = import_keras_set(source, files or (), out, lambda count: display.advance(task, count))
        elif Path(source).is_dir():
            done = import_listed(
                Path(source), out, labels=labels, names=names, link=link, advance=lambda n: display.advance(task, n)
            )
            photos, missing = done.photos, done.missing
        else:
            photos = import_samples(Path(source), out, lambda count: display.advance(task, count))
    typer.echo(f"{out}: {photos} photos")
    if missing:
        typer.echo(f"{missing} photos of the list are not there", err=True)


def _as_json(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "root": str(diagnosis.root),
        "sound": diagnosis.sound,
        "photos": diagnosis.photos,
        "classes": {
            count.label: count.photos if "" not in count.photos else count.total for count in diagnosis.classes
        },
        "findings": [
            {
                "kind": finding.kind,
                "what": finding.message,
                "files": [str(path.relative_to(diagnosis.root)) for path in finding.paths],
                "suggested_label": finding.suggested_label,
            }
            for finding in diagnosis.findings
        ],
    }


def _show(diagnosis: Diagnosis) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edge_cls_tools.dataset.check.findings import KINDS

    console = Console()
    typer.echo(f"{diagnosis.photos} usable photos of {len(diagnosis.classes)} classes")
    table = Table("found", "count", "the worst", "how to mend", box=box.SIMPLE, show_lines=True)
    for kind in KINDS.values():
        findings = diagnosis.of_kind(kind.name)
        if findings:
            worst = "\n".join(_line(finding, diagnosis.root) for finding in findings[:_EXAMPLES])
            style = "bold red" if kind.spoils else ""
            # As text: a file may be called [red], which is markup to rich.
            table.add_row(Text(kind.title, style), str(len(findings)), Text(worst, overflow="fold"), kind.hint)
    if table.row_count:
        console.print(table)
    typer.echo("nothing is the matter" if not diagnosis.findings else _verdict(diagnosis))


def _line(finding: Finding, root: Path) -> str:
    from edge_cls_tools.dataset.check.findings import shown

    names = ", ".join(shown(path, root) for path in finding.paths[:_EXAMPLES])
    more = f" and {len(finding.paths) - _EXAMPLES} more" if len(finding.paths) > _EXAMPLES else ""
    return f"{names}{more}: {finding.message}" if names else finding.message


def _verdict(diagnosis: Diagnosis) -> str:
    unusable, leaks = len(diagnosis.of_kind("unusable")), len(diagnosis.of_kind("leak"))
    if diagnosis.sound:
        return "no unusable file, and no leak between splits"
    return f"unusable files: {unusable}, leaks between splits: {leaks}"
