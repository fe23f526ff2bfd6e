"""`edge-cls dataset`: from a messy folder of photos to one that can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries

if TYPE_CHECKING:
    from edge_cls_tools.dataset_doctor.findings import Diagnosis, Finding

dataset = typer.Typer(
    help="Check a folder of photos, split it without leaks, and import what others publish.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_EXAMPLES = 3


@dataset.command("check")
def check(
    data: Annotated[Path, typer.Argument(help="A folder a class, or train, val and test folders.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    report: Annotated[Path | None, typer.Option(help="The HTML page to write, with the photos in it.")] = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="The folder to move unusable files to; 'dataset restore' moves them back.")
    ] = None,
    labels: Annotated[bool, typer.Option(help="Look for wrong labels and odd photos, which takes longest.")] = True,
) -> None:
    """Find what is the matter with a folder of photos. Exit code 1 for unusable files or leaks between splits."""
    import json

    from edge_cls_tools.dataset_doctor import quarantine as ward

    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset_doctor.diagnosis import diagnose

        with progress_display() as display:
            diagnosis = diagnose(data, display, judge=labels)
            if report:
                from edge_cls.model_file import write_whole
                from edge_cls_tools.report.dataset_page import dataset_page

                write_whole(report, dataset_page(diagnosis))
    moved = ward.quarantine(diagnosis.of_kind("unusable"), data, quarantine) if quarantine else []
    if as_json:
        typer.echo(json.dumps(_as_json(diagnosis), indent=2))
    else:
        _show(diagnosis)
    if moved:
        typer.echo(
            f"{len(moved)} files moved to {quarantine}; 'edge-cls dataset restore {quarantine}' moves them back",
            err=True,
        )
    if not diagnosis.sound:
        raise typer.Exit(1)


@dataset.command("restore")
def restore(
    quarantine: Annotated[Path, typer.Argument(help="The folder given to 'check --quarantine'.", show_default=False)],
) -> None:
    """Move the files in quarantine back to where they came from. Exit code 1 when one of them had to stay."""
    from edge_cls_tools.dataset_doctor import quarantine as ward

    restored, kept = ward.restore(quarantine)
    typer.echo(f"{len(restored)} files moved back")
    for path, why in kept:
        typer.echo(f"{path} stays; {why}", err=True)
    if kept:
        raise typer.Exit(1)


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
                "what": finding.what,
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

    from edge_cls_tools.dataset_doctor.findings import KINDS

    console = Console()
    typer.echo(f"{diagnosis.photos} usable photos of {len(diagnosis.classes)} classes")
    table = Table("found", "count", "the worst", "how to mend", box=box.SIMPLE, show_lines=True)
    for kind in KINDS.values():
        findings = diagnosis.of_kind(kind.name)
        if findings:
            worst = "\n".join(_line(finding, diagnosis.root) for finding in findings[:_EXAMPLES])
            style = "bold red" if kind.spoils else ""
            # As text: a file may be called [red], which is markup to rich.
            table.add_row(Text(kind.title, style), str(len(findings)), Text(worst, overflow="fold"), kind.mend)
    if table.row_count:
        console.print(table)
    typer.echo("nothing is the matter" if not diagnosis.findings else _verdict(diagnosis))


def _line(finding: Finding, root: Path) -> str:
    from edge_cls_tools.dataset_doctor.findings import shown

    names = ", ".join(shown(path, root) for path in finding.paths[:_EXAMPLES])
    more = f" and {len(finding.paths) - _EXAMPLES} more" if len(finding.paths) > _EXAMPLES else ""
    return f"{names}{more}: {finding.what}" if names else finding.what


def _verdict(diagnosis: Diagnosis) -> str:
    unusable, leaks = len(diagnosis.of_kind("unusable")), len(diagnosis.of_kind("leak"))
    if diagnosis.sound:
        return "no unusable file, and no leak between splits"
    return f"{unusable} unusable files, {leaks} leaks between splits"
