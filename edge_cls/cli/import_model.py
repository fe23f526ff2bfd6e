"""`edge-cls import-model`: a model of another tool becomes one that edge-cls runs without further options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import BackgroundOption, JsonOption, LabelsOption
from edge_cls.cli.verbosity import note


def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            readable=False,
            help="A Teachable Machine ZIP or a Lobe folder, packed or unpacked, or a .tflite file.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", readable=False, help="The .tflite file to write.", show_default=False
        ),
    ],
    labels: LabelsOption = None,
    embedding: Annotated[
        str,
        typer.Option(
            metavar="TENSOR",
            help="Make it teachable: auto for the pooled features, the name of a tensor, or none.",
        ),
    ] = "none",
    mean: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="Mean to subtract from each pixel value (0-255).", show_default="the model's own"
        ),
    ] = None,
    std: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="Standard deviation to divide the result by.", show_default="the model's own"
        ),
    ] = None,
    background: BackgroundOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a model of another tool, such as Teachable Machine.

    The written file contains the labels, the order of the colours and the scale of the pixels.

    Example:
      edge-cls import-model converted_tflite.zip -o model.tflite
    """
    from edge_cls.cli.bank_text import bank_text
    from edge_cls.errors import ConfigError
    from edge_cls.model.background import background_photos
    from edge_cls.model.importing.importer import import_model as convert

    if (mean is None) != (std is None) or std == 0:
        raise ConfigError("--mean and --std must be given together", hint="give both, and a std that is not 0")
    with quiet_native_libraries():
        photos = background_photos(background) if background else None
        imported = convert(source, out, labels=labels, embedding=embedding, mean=mean, std=std, background=photos)
    bank = len(imported.file.bank) if imported.file.bank else None
    contract = imported.preprocessing
    if as_json:
        if imported.made_bank:
            note(f"bank: {imported.made_bank}")
        document = {
            "file": str(out),
            "maker": imported.maker,
            "labels": list(imported.file.labels),
            "width": contract.width,
            "height": contract.height,
            "color": contract.color,
            "mean": contract.mean,
            "std": contract.std,
            "embedding": imported.embedding,
            "bank": bank,
            "edge_tpu": imported.edge_tpu,
        }
        print_json(document)
        return
    labels_shown = ", ".join(imported.file.labels[:3]) + (", ..." if len(imported.file.labels) > 3 else "")
    typer.echo(f"{out}: from {imported.maker}")
    normalised = f"(byte - {contract.mean:g}) / {contract.std:g}"
    typer.echo(f"  input      {contract.width} x {contract.height} {contract.color}, {normalised}")
    typer.echo(f"  classes    {len(imported.file.labels)}{f' ({labels_shown})' if labels_shown else ''}")
    typer.echo(f"  embedding  {f'{imported.embedding} numbers' if imported.embedding else 'none'}")
    typer.echo(f"  bank       {imported.made_bank or bank_text(bank, teachable=imported.embedding is not None)}")
    if imported.edge_tpu:
        typer.echo("  runs only on an Edge TPU")
