"""The options and arguments that several commands share: one definition each.

The texts of those that are keys of the configuration, too, are the descriptions of the keys; a test compares them.
They are written here again because reading the configuration's model loads pydantic, which help has to do without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.backends.names import describe_names, suggested_names
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.model.names import CHOICES, NAMES

CLASSES = ("both", "model", "memory")
"""Values of --classes."""


def _complete_model(incomplete: str) -> list[str]:
    return [name for name in NAMES if name.startswith(incomplete)]


def _complete_head(incomplete: str) -> list[str]:
    return [name for name in HEAD_NAMES if name.startswith(incomplete)]


def _complete_classes(incomplete: str) -> list[str]:
    return [name for name in CLASSES if name.startswith(incomplete)]


def _complete_delegate(incomplete: str) -> list[str]:
    return [name for name in suggested_names() if name.startswith(incomplete)]


ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", readable=False, help="The .tflite model.", show_default=False)
]
PhotosArgument = Annotated[
    list[Path], typer.Argument(metavar="PHOTO", readable=False, help="The photos.", show_default=False)
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        readable=False,
        help=f"Model: {CHOICES}. Without one, it is the backbone that the memory was taught on, or lite0-160; a "
        "backbone knows no class until it is taught one.",
        show_default=False,
        autocompletion=_complete_model,
    ),
]
_MEMORY = typer.Option(
    "--memory",
    metavar="FILE",
    readable=False,
    envvar="EDGE_CLS_MEMORY",
    help="File of taught examples. Without one, nothing can be taught.",
    show_default=False,
)
MemoryOption = Annotated[Path, _MEMORY]
MemoryIfAnyOption = Annotated[Path | None, _MEMORY]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        readable=False,
        help="Labels file, if the model contains no labels.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=64,
        help="Threads of the interpreter. If not set, it decides itself.",
        show_default=False,
    ),
]
HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="NAME",
        help=f"Method that distinguishes the taught classes: {', '.join(HEAD_NAMES[:-1])} or {HEAD_NAMES[-1]}.",
        show_default="auto",
        autocompletion=_complete_head,
    ),
]
FalseAcceptOption = Annotated[
    float | None,
    typer.Option(
        "--false-accept",
        metavar="RATE",
        min=0.001,
        max=0.5,
        help="Rate of pictures of quite other things that may be taken for a taught class.",
        show_default="0.05",
    ),
]
ClosedSetOption = Annotated[
    bool | None,
    typer.Option(
        "--closed-set",
        help="The classes are all that the camera can show, so no frame is unknown. It excludes false_accept.",
        show_default="false",
    ),
]
AugmentOption = Annotated[
    str | None,
    typer.Option(
        "--augment",
        metavar="COPIES",
        help='Altered copies of taught examples that are learnt as well. "grey" is for a camera that sees no colour at '
        "night, in infrared light.",
        show_default=False,
    ),
]
ClassesOption = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="WHOSE",
        help="Classes that count: those of the model, those taught to the memory, or both, in which case a taught "
        "class wins if it is certain.",
        show_default="both",
        autocompletion=_complete_classes,
    ),
]
DelegateOption = Annotated[
    str | None,
    typer.Option(
        "--delegate",
        metavar="NAME",
        help=describe_names(),
        show_default="none",
        autocompletion=_complete_delegate,
    ),
]
BackgroundOption = Annotated[
    Path | None,
    typer.Option(
        "--background",
        metavar="FOLDER",
        readable=False,
        help="Photos of anything that will not be taught, at least 16: unknown objects are recognised by comparison "
        "with them. They replace the photos that the backbone has for that.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        readable=False,
        envvar="EDGE_CLS_CONFIG",
        help="The configuration, a TOML file.",
        show_default="/etc/edge-cls/config.toml",
    ),
]
