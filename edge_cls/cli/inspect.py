"""`edge-cls inspect`: the contents of a model file, checked against its golden frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, ModelArgument

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.tree import Tree

    from edge_cls.model.inspection import Inspection

_LABELS_SHOWN = 10
_LONGEST = 1000


def inspect(
    model: ModelArgument,
    as_json: JsonOption = False,
) -> None:
    """Show the contents of a .tflite model; replay golden frames.

    Any .tflite file can be shown. Golden frames are in the models that edge-cls writes: exit code 1 if one of them has
    another result here than on the machine that wrote the model.

    Example:
      edge-cls inspect model.tflite
    """
    import json

    from edge_cls.errors import ModelError
    from edge_cls.model.inspection import inspect_model

    with quiet_native_libraries():
        inspection = inspect_model(model)
    if as_json:
        typer.echo(json.dumps(_document(inspection), indent=2, ensure_ascii=False))
    else:
        _print(inspection)
    if inspection.golden_failed:
        typer.echo(f"error: {inspection.golden_problem}", err=True)
        raise typer.Exit(ModelError.exit_code)


def _document(value: Any) -> Any:
    """Return `value` as what JSON knows: no bytes, no dataclasses, and no number that is none."""
    import math
    from dataclasses import asdict, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return _document(asdict(value))
    if isinstance(value, dict):
        return {key: _document(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_document(one) for one in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace") if len(value) <= 100 else f"{len(value)} bytes"
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(inspection: Inspection) -> None:
    from rich.console import Console

    # What a stranger's file says is shown as it is, and never taken for markup.
    console = Console(markup=False, emoji=False, highlight=False)
    document = _document(inspection)
    console.print(_facts(_summary(inspection)))
    console.print()
    console.print(_tensors(document))
    for title in ("manifest", "metadata"):
        if document[title]:
            console.print()
            console.print(_tree(title, document[title]))


def _summary(inspection: Inspection) -> dict[str, str]:
    """Return the lines at the top."""
    labels = inspection.labels
    more = f", ... ({len(labels)} in all)" if len(labels) > _LABELS_SHOWN else ""
    golden = f"{inspection.golden} frames agree" if inspection.golden else "none"
    facts = {
        "file": inspection.file,
        "size": f"{inspection.size:,} bytes",
        "network": f"sha256 {inspection.network_sha256}{', as the manifest says' if inspection.manifest else ''}",
        "files inside": ", ".join(f"{name} ({size:,})" for name, size in inspection.files.items()) or "none",
        "labels": ", ".join(labels[:_LABELS_SHOWN]) + more or "none",
        "trained on": f"{inspection.trained_on} photos" if inspection.trained_on else "not told",
        "golden frames": inspection.golden_problem or golden,
        "metadata": inspection.metadata_problem or ("TFLite Metadata" if inspection.metadata else "none"),
    }
    facts["operators"] = ", ".join(f"{count} {name}" for name, count in inspection.operators.items())
    facts["in floating point"] = ", ".join(inspection.float_operators) or "none"
    if inspection.edge_tpu:
        facts["compiled for"] = "the Edge TPU"
    if inspection.subgraphs > 1:
        facts["subgraphs"] = f"{inspection.subgraphs}, of which the first is shown"
    return facts


def _facts(facts: dict[str, str]) -> RenderableType:
    from rich.table import Table

    table = Table.grid("name", "value", padding=(0, 2))
    table.columns[0].no_wrap = True
    table.columns[1].overflow = "fold"
    for name, value in facts.items():
        table.add_row(name, _plain(value))
    return table


def _tensors(document: dict[str, Any]) -> RenderableType:
    from rich.table import Table

    table = Table("", "name", "shape", "type", "stands for", box=None, padding=(0, 2, 0, 0))
    table.columns[1].overflow = "fold"
    for side in ("inputs", "outputs"):
        for tensor in document[side]:
            shape = " x ".join(map(str, tensor["shape"]))
            real = f"{tensor['scale']:.9g} * (q - {tensor['zero_point']})" if tensor["scale"] else "itself"
            table.add_row(side[:-1], _plain(tensor["name"]), shape, tensor["dtype"], real)
    return table


def _tree(title: str, value: dict[str, Any]) -> Tree:
    """Return nested dicts as a tree; a list of them is a branch each, and any other value stands behind its name."""
    from rich.tree import Tree

    tree = Tree(title, guide_style="dim")
    for key, one in value.items():
        name = str(key).replace("_", " ")
        branches = one if isinstance(one, list) and one and isinstance(one[0], dict) else [one]
        for branch in branches:
            if isinstance(branch, dict) and branch:
                tree.children.append(_tree(name, branch))
            else:
                tree.add(f"{name}: {_plain(_leaf(branch))}")
    return tree


def _leaf(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, {}, "") else str(value)


def _plain(text: str) -> str:
    """Return `text` in one line without control characters, and not endless."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:_LONGEST])
    return clean if len(text) <= _LONGEST else f"{clean} ..."
