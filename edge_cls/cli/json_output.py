"""What commands print with `--json`."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from edge_cls.core.documents import with_schema


def print_json(document: Mapping[str, object]) -> None:
    """Print one JSON object, with the version of its shape as the first key; paths become text."""
    import json

    typer.echo(json.dumps(with_schema(document), indent=2, ensure_ascii=False, default=str))
