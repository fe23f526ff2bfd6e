"""The sinks: where results and events go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from edge_cls.config.fields import LIST, AbsolutePath, FilePath, Label, Pin, Positive, Section, check_absolute
from edge_cls.errors import ConfigError


def _check_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv or not Path(argv[0]).is_absolute() or any("\0" in argument for argument in argv):
        raise ConfigError("must be a command", hint="write the absolute path of a program, followed by its arguments")
    return argv


class JsonLinesSink(Section):
    """Messages as JSON, one a line, appended to the file `path`, or on standard output if that is `-`."""

    kind: Literal["json_lines"] = Field(description="Messages as JSON, one object a line.")
    path: FilePath = Field(
        default=Path("-"), description='Absolute path of the file to append to, or "-" for standard output.'
    )
    raw: bool = Field(default=False, description="Whether the result of each frame is written too, not only events.")

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: Path) -> Path:
        return path if path == Path("-") else check_absolute(path)


class GpioSink(Section):
    """An output that is on while the state is `label`."""

    kind: Literal["gpio"] = Field(description="An output that is on while the state has its label.")
    pin: Pin = Field(description="BCM number of the pin.", examples=[23])
    label: Label = Field(description="Label of the state in which the output is on.", examples=["mug"])
    active_high: bool = Field(default=True, description="Whether the pin is high, not low, while the output is on.")


class CommandSink(Section):
    """A program that is started for each event."""

    kind: Literal["command"] = Field(description="A program that is run for each event, without a shell.")
    argv: Annotated[tuple[str, ...], LIST, AfterValidator(_check_argv)] = Field(
        description="Absolute path of the program, and its arguments. In the arguments {kind}, {label}, "
        "{previous}, {score} and {timestamp} are replaced by those of the event.",
        examples=[["/usr/bin/logger", "{kind}: {label}"]],
    )
    timeout_s: Positive = Field(default=5.0, description="Seconds after which the program is stopped.")


class StateFileSink(Section):
    """A snapshot of the state, written atomically."""

    kind: Literal["state_file"] = Field(
        description="A JSON file with the current state. It is replaced as a whole, so readers never see half of it."
    )
    path: AbsolutePath = Field(default=Path("/run/edge-cls/state.json"), description="Absolute path of the file.")


Sink = Annotated[JsonLinesSink | GpioSink | CommandSink | StateFileSink, Field(discriminator="kind")]
