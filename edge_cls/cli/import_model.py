"""`edge-cls import-model`: a model of somebody else becomes one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption


def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            readable=False,
            help="A Teachable Machine ZIP, a Lobe folder (or what either unpacks to), or a .tflite file.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", readable=False, help="The .tflite file to write.", show_default=False)
    ],
    labels: Annotated[
        Path | None,
        typer.Option(readable=False, help="The labels file, where the model brings none.", show_default=False),
    ] = None,
    embedding: Annotated[
        str, typer.Option(help="Make it teachable: auto (the pooled features), or the name of a tensor.")
    ] = "none",
    mean: Annotated[
        float | None, typer.Option(help="What is taken from a pixel's byte (0 to 255).", show_default=False)
    ] = None,
    std: Annotated[float | None, typer.Option(help="What it is then divided by.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn another tool's model into one of ours: labels, colours and their scale are in the file from then on."""
    import json

    from edge_cls.errors import ConfigError
    from edge_cls.model.importing.importer import import_model as convert

    if (mean is None) != (std is None) or std == 0:
        raise ConfigError("--mean and --std make sense together alone", hint="give both, and a std that is not 0")
    with quiet_native_libraries():
        imported = convert(source, out, labels=labels, embedding=embedding, mean=mean, std=std)
    contract = imported.preprocessing
    if as_json:
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
            "edge_tpu": imported.edge_tpu,
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    labels_shown = ", ".join(imported.file.labels[:3]) + (", ..." if len(imported.file.labels) > 3 else "")
    typer.echo(f"{out}: from {imported.maker}")
    normalised = f"(byte - {contract.mean:g}) / {contract.std:g}"
    typer.echo(f"  input      {contract.width} x {contract.height} {contract.color}, {normalised}")
    typer.echo(f"  classes    {len(imported.file.labels)}{f' ({labels_shown})' if labels_shown else ''}")
    typer.echo(f"  embedding  {f'{imported.embedding} numbers' if imported.embedding else 'none'}")
    if imported.edge_tpu:
        typer.echo("  runs on an Edge TPU alone")
