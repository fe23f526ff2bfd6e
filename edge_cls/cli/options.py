"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MemoryOption = Annotated[
    Path,
    typer.Option("--memory", readable=False, envvar="EDGE_CLS_MEMORY", help="The file of taught examples."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]
