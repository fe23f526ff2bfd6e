"""Field types and checks that several sections of the configuration share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Secret

from edge_cls.core.labels import check_label
from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError


class Section(BaseModel):
    """A section of the file: frozen, without unknown keys, and without conversion of types.

    Its keys are the keyword arguments of the object that it configures: `States(**config.states.model_dump())`.
    """

    # Errors that pydantic prints by itself must not show passwords either; ours are made in `errors`.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class SourceName(Secret[str]):
    """The name of a source, which may be a URL with a password.

    `str()`, `repr()` and JSON show such a URL as "rtsp://camera/***"; `get_secret_value()` returns all of it.
    """

    def _display(self) -> str:
        shown = showable(self.get_secret_value())
        return shown if shown == self.get_secret_value() else f"{shown}/***"


def check_text(text: str) -> str:
    """Return `text`. Raises ConfigError if it is blank or contains a zero byte."""
    # File names may contain anything else, and are escaped before they are shown.
    if not text.strip() or "\0" in text:
        raise ConfigError("must not be empty", hint="write a name, or remove this key")
    return text


def check_absolute(path: Path) -> Path:
    """Return `path`. Raises ConfigError if it is not absolute."""
    if not path.is_absolute():
        raise ConfigError("must be an absolute path", hint="begin it with /")
    return path


def _check_path(path: object) -> object:
    # Checked before it becomes a Path, because Path("") is the working directory.
    return check_text(path) if isinstance(path, str) else path


class HasPin(Protocol):
    """A button, a light or an output, which may use a pin."""

    @property
    def pin(self) -> int | None:
        """Its BCM number."""


def check_pins(*users: HasPin | int | None) -> None:
    """Raise ConfigError if two of `users`, which are things with a pin or pins themselves, use the same pin."""
    pins = [one if isinstance(one, int) else one.pin for one in users if one is not None]
    if twice := sorted({pin for pin in pins if pin is not None and pins.count(pin) > 1}):
        raise ConfigError(f"pin {twice[0]} is used twice", hint="give each button, light and output a pin of its own")


# TOML has types of its own, so nothing is converted: a number in quotes is text. Only its lists become tuples.
LIST = Field(strict=False)
FilePath = Annotated[Path, Field(strict=False), BeforeValidator(_check_path)]
AbsolutePath = Annotated[FilePath, AfterValidator(check_absolute)]
Text = Annotated[str, AfterValidator(check_text)]
Label = Annotated[str, AfterValidator(check_label)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Pixels = Annotated[int, Field(gt=0, le=16384)]
Size = Annotated[tuple[Pixels, Pixels], LIST]
Pin = Annotated[int, Field(ge=0, le=27)]
"""BCM number of a pin of the Raspberry Pi's header."""
