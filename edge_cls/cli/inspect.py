"""`edge-cls inspect`: the contents of a model file, checked against its golden frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from edge_cls.cli.bank_text import bank_text
from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, ModelArgument

if TYPE_CHECKING:
    from edge_cls.model.inspection import Inspection

_LABELS_SHOWN = 10
"""Labels to print at most; --json has all of them."""
_LONGEST = 1000
"""Characters of a text in the model to print at most."""


def inspect(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Show the contents of a .tflite model; replay golden frames.

    Any .tflite file can be shown. Golden frames are in the models that edge-cls writes: exit code 1 if one of them has
    another result here than on the machine that wrote the model.

    Example:
      edge-cls inspect model.tflite
    """
    from edge_cls.errors import ModelError
    from edge_cls.model.backbones import backbone_path
    from edge_cls.model.inspection import inspect_model
    from edge_cls.model.names import NAMES

    with quiet_native_libraries():
        inspection = inspect_model(backbone_path(str(model)) if str(model) in NAMES else model)
    if as_json:
        print_json(_document(inspection))
    else:
        for line in _lines(inspection):
            typer.echo(line)
    if inspection.golden_failed:
        typer.echo(f"error: {inspection.golden_problem}", err=True)
        raise typer.Exit(ModelError.exit_code)


def _document(value: Any) -> Any:
    """Return `value` in types of JSON: bytes as text, dataclasses as dicts, NaN and infinity as None."""
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


def _lines(inspection: Inspection) -> Iterator[str]:
    """Yield the text for a person. No line is folded, so that paths, checksums and names can be copied."""
    document = _document(inspection)
    yield from _aligned([(name, _plain(value)) for name, value in _summary(inspection).items()])
    yield ""
    yield from _aligned([("", "shape", "type", "value", "name"), *_tensors(document)])
    for title in ("manifest", "metadata"):
        if document[title]:
            yield ""
            yield f"{title}:"
            yield from _tree(document[title], indent=2)


def _summary(inspection: Inspection) -> dict[str, str]:
    """Return the names and values of the lines at the top."""
    labels = inspection.labels
    more = f", ... ({len(labels)} in all)" if len(labels) > _LABELS_SHOWN else ""
    golden = f"{inspection.golden} frames agree" if inspection.golden else "none"
    facts = {
        "file": inspection.file,
        "size": f"{inspection.size:,} bytes",
        "network": f"sha256 {inspection.network_sha256}{', as the manifest says' if inspection.manifest else ''}",
        "files inside": ", ".join(f"{name} ({size:,})" for name, size in inspection.files.items()) or "none",
        "labels": ", ".join(labels[:_LABELS_SHOWN]) + more or "none",
        "trained on": f"{inspection.trained_on} photos" if inspection.trained_on else "unknown",
        "bank": bank_text(inspection.bank, teachable=_is_teachable(inspection)),
        "golden frames": inspection.golden_problem or golden,
        "metadata": inspection.metadata_problem or ("TFLite Metadata" if inspection.metadata else "none"),
    }
    facts["operators"] = ", ".join(f"{count} {name}" for name, count in inspection.operators.items())
    facts["in floating point"] = ", ".join(inspection.float_operators) or "none"
    if inspection.edge_tpu:
        facts["compiled for"] = "the Edge TPU"
    if inspection.subgraphs > 1:
        facts["subgraphs"] = f"{inspection.subgraphs}; the first one is shown"
    return facts


def _is_teachable(inspection: Inspection) -> bool:
    """Return whether the model has an embedding: without a manifest, it is the output of a model without labels."""
    foreign = inspection.manifest is None and not inspection.labels
    return foreign or any(one.name == "embedding" for one in inspection.outputs)


def _tensors(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each tensor; its name is last, since it may be long."""
    for side in ("inputs", "outputs"):
        for tensor in document[side]:
            shape = " x ".join(map(str, tensor["shape"]))
            value = f"{tensor['scale']:.9g} * (q - {tensor['zero_point']})" if tensor["scale"] else "itself"
            yield side[:-1], shape, tensor["dtype"], value, _plain(tensor["name"])


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield a line for each row, with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _tree(value: dict[str, Any], *, indent: int) -> Iterator[str]:
    """Yield the lines of nested dicts. Each dict of a list is printed below the name of the list."""
    for key, one in value.items():
        name = _plain(str(key).replace("_", " "))
        branches = one if isinstance(one, list) and one and isinstance(one[0], dict) else [one]
        for branch in branches:
            if isinstance(branch, dict) and branch:
                yield f"{'':{indent}}{name}:"
                yield from _tree(branch, indent=indent + 2)
            else:
                yield f"{'':{indent}}{name}: {_plain(_leaf(branch))}"


def _leaf(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, {}, "") else str(value)


def _plain(text: str) -> str:
    """Return `text` on one line, without control characters and cut to _LONGEST: it may come from a foreign file."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:_LONGEST])
    return clean if len(text) <= _LONGEST else f"{clean} ..."
