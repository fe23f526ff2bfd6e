"""`edge-cls train --from-memory`: a model of what a memory was taught, with nothing but what the device has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_cls.cli.bank_text import bank_line
from edge_cls.cli.memory.opened import count, opened
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.verbosity import note

if TYPE_CHECKING:
    from edge_cls.taught_model import TaughtModel


_APPLY = ("from_memory", "out", "backbone", "background")
"""The parameters of `train` that apply to a memory; all others are about photos and fine-tuning."""


def train_from_memory(context: typer.Context, memory: Path, out: Path) -> None:
    """Write the model of the classes in `memory` to the file `out`, and print its figures and the next step.

    `context` is that of `train`. The backbone is the one that the memory was taught on, unless --backbone was given.
    Raises typer.BadParameter if an option was given that does not apply, ConfigError if `out` is not the name of a
    model, and the errors of `load_model` and `make_taught_model`.
    """
    from edge_cls.errors import ConfigError
    from edge_cls.model.backbones import load_model
    from edge_cls.model.background import background_photos, with_bank
    from edge_cls.model.file import write_model
    from edge_cls.taught_model import make_taught_model

    given = {name for name in context.params if _was_given(context, name)}
    if refused := sorted(given.difference(_APPLY)):
        name = "FOLDER" if "data" in refused else f"--{refused[0].replace('_', '-')}"
        raise typer.BadParameter(f"{name} does not apply to --from-memory")
    backbone = context.params["backbone"] if "backbone" in given else None
    if out.suffix != ".tflite":
        raise ConfigError(f"--out {out} is not the name of a model", hint="give a file, such as --out model.tflite")
    folder = context.params["background"]
    # Typer 0.28 leaves the parameters of a context as they were typed.
    photos = background_photos(Path(folder)) if folder else None
    with quiet_native_libraries(), opened(memory) as taught:
        file, made_bank = with_bank(load_model(backbone, space=taught.space), photos)
        made = make_taught_model(taught, file, out)
    write_model(made.file)
    _print(made, out)
    typer.echo(bank_line(made.file, made_bank))
    typer.echo(f"next: edge-cls run --model {out} --source picamera2")


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _print(made: TaughtModel, out: Path) -> None:
    from edge_cls.learning.coach import ENOUGH

    classes = ", ".join(f"{label} {number}" for label, number in made.examples.items())
    backbone = made.file.manifest.backbone if made.file.manifest else ""
    typer.echo(f"{len(made.examples)} classes, {count(sum(made.examples.values()))} ({classes}), backbone {backbone}")
    if made.unusable:
        note(f"{count(made.unusable)} left out, which have no embedding: run 'edge-cls memory reembed'")
    if made.few:
        few = ", ".join(f"{label} {number}" for label, number in made.few.items())
        typer.echo(f"too few different examples ({few}): teach at least {ENOUGH} different views of each class")
    accuracy, tested = made.left_out.accuracy, len(made.left_out.targets)
    if accuracy is None:
        typer.echo("no class has two different examples: the accuracy is not known, and nothing is reported as unknown")
    else:
        typer.echo(f"cross-validated accuracy {accuracy:.1%} (on {count(tested)}, each predicted without itself)")
    if made.agreement is None:
        note("the int8 model was not compared with its head in floating point: no photos are stored")
    else:
        typer.echo(f"agreement with the head in floating point {made.agreement:.1%} (on {made.photos} stored photos)")
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
