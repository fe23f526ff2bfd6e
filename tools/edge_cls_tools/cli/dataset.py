"""`edge-cls dataset`: check, split and import folders of photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption
from edge_cls.cli.verbosity import note

if TYPE_CHECKING:
    from edge_cls_tools.dataset.check.findings import Diagnosis

dataset = typer.Typer(
    help="Check, split and import folders of photos.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataset.command("check")
def check(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            readable=False,
            help="A folder per class, or train, val and test folders.",
            show_default=False,
        ),
    ],
    as_json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", readable=False, help="HTML page to write, with the photos in it.")
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            readable=False,
            help="Folder to move unusable files to; 'dataset restore' moves them back.",
        ),
    ] = None,
    labels: Annotated[bool, typer.Option(help="Look for wrong labels and outliers, which takes longest.")] = True,
) -> None:
    """Check a folder of photos for problems.

    Exit code 1 for unusable files or leaks between splits.

    Example:
      edge-cls dataset check photos --report check.html
    """
    from edge_cls_tools.dataset.check import quarantine as quarantine_folder

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
        print_json(_as_json(diagnosis))
    else:
        _print_diagnosis(diagnosis)
    if quarantine and (moved := quarantine_folder.quarantine(diagnosis.of_kind("unusable"), data, quarantine)):
        note(f"{len(moved)} files moved to {quarantine}; 'edge-cls dataset restore {quarantine}' moves them back")
    if not diagnosis.sound:
        raise typer.Exit(1)


@dataset.command("restore")
def restore(
    quarantine: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", readable=False, help="Folder given to 'check --quarantine'.", show_default=False
        ),
    ],
) -> None:
    """Move the files in quarantine back to their original places.

    Exit code 1 if a file had to stay.

    Example:
      edge-cls dataset restore quarantine
    """
    from edge_cls_tools.dataset.check import quarantine as quarantine_folder

    restored, kept = quarantine_folder.restore(quarantine)
    typer.echo(f"moved back: {len(restored)}")
    for path, reason in kept:
        typer.echo(f"{path} stays; {reason}", err=True)
    if kept:
        raise typer.Exit(1)


@dataset.command("split")
def split(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            readable=False,
            help="A folder per class, or train, val and test folders.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", readable=False, help="Folder to write train, val and test folders to.", show_default=False
        ),
    ],
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the random split.")] = 0,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=0.9, help="Share of photos for the val folder.")
    ] = 0.15,
    test: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=0.9, help="Share of photos for the test folder.")
    ] = 0.2,
    link: Annotated[
        bool, typer.Option("--link", help="Make hard links, which need no space, instead of copies.")
    ] = False,
) -> None:
    """Write train, val and test folders that share no near duplicates.

    DATA is not changed.

    Example:
      edge-cls dataset split photos split --test 0.2
    """
    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.dataset.split import write_split

        with progress_display() as display:
            done = write_split(data, out, seed=seed, validation=validation, test=test, link=link, display=display)
    typer.echo(f"{out}: {', '.join(f'{count} {name}' for name, count in done.photos.items())}")
    if done.left_out:
        note(f"{done.left_out} unusable files left out; 'edge-cls dataset check {data}' lists them")
    if done.train_only:
        note(f"too few different photos, so in train only: {', '.join(done.train_only)}")


@dataset.command("import")
def import_dataset(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="mnist, fashion_mnist, cifar10 or cifar100; a ZIP with a folder per class, as Teachable Machine "
            "exports samples; or a folder of photos with a list of their classes.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", readable=False, help="Folder to write, with a folder per class.", show_default=False
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", readable=False, help="The published files, if keras.datasets cannot download the data set."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="The list, CSV or text: a file and its class per line. Common file names are found.",
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option(metavar="FILE", readable=False, help="Names of the classes, if the list has numbers.")
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Make hard links instead of copies, if SOURCE is a folder.")
    ] = False,
) -> None:
    """Convert a published data set to a folder per class.

    ImageNet's train folder already is one.

    Example:
      edge-cls dataset import cifar10 photos
    """
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
        note(f"{missing} photos of the list were not found")


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
                "message": finding.message,
                "files": [str(path.relative_to(diagnosis.root)) for path in finding.paths],
                "suggested_label": finding.suggested_label,
            }
            for finding in diagnosis.findings
        ],
    }


def _print_diagnosis(diagnosis: Diagnosis) -> None:
    from edge_cls.cli.check_lines import print_check
    from edge_cls_tools.dataset.check.findings import KINDS
    from edge_cls_tools.dataset.check.text import details_of, level_of, verdict_of

    print_check("OK", "photos", f"{diagnosis.photos} usable photos in {len(diagnosis.classes)} classes")
    for name in diagnosis.checked:
        kind, findings = KINDS[name], diagnosis.of_kind(name)
        details = details_of(findings, diagnosis)
        hint = kind.hint if findings else ""
        print_check(level_of(kind, findings), kind.name, f"{kind.title}: {len(findings)}", hint, details)
    typer.echo(verdict_of(diagnosis))
