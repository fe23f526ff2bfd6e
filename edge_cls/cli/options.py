"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_MEMORY = typer.Option(
    "--memory", readable=False, envvar="EDGE_CLS_MEMORY", help="The file of taught examples.", show_default=False
)
MemoryOption = Annotated[Path, _MEMORY]
MemoryIfAnyOption = Annotated[Path | None, _MEMORY]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        readable=False,
        envvar="EDGE_CLS_CONFIG",
        help="The configuration, a TOML file.",
        show_default="/etc/edge-cls/config.toml",
    ),
]
