"""What may stand in a configuration: a model for each table of the file, whose fields are its keys.

`[[panel.button]]` is `config.panel.button`, a tuple.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from edge_cls.backends.names import check_backend
from edge_cls.core.labels import check_label
from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.panels.key_names import check_key
from edge_cls.sources.names import OPTIONS, check_source, parse_source


def _check_text(text: str) -> str:
    # File names may hold anything else, and what is shown of them is escaped.
    if not text.strip() or "\0" in text:
        raise ConfigError("it names nothing", hint="write a name, or leave it out")
    return text


def _check_path(path: object) -> object:
    # Before it is a Path, of which an empty one is the working folder.
    if isinstance(path, str):
        _check_text(path)
    return path


def _check_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ConfigError("it is no absolute path", hint="begin it with /")
    return path


def _check_head(head: str) -> str:
    if head not in HEAD_NAMES:
        raise ConfigError(f"there is no head {showable(head)!r}", hint=f"use one of {', '.join(HEAD_NAMES)}")
    return head


def _check_roi(roi: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, width, height = roi
    # A third and two thirds are together a little more than 1.
    if min(roi) < 0 or min(width, height) <= 0 or max(left + width, top + height) > 1 + 1e-9:
        raise ConfigError(
            f"{list(roi)} is not inside the frame", hint="write left, top, width and height as fractions of the frame"
        )
    return roi


def _check_controls(controls: dict[str, Any]) -> dict[str, Any]:
    for name, value in controls.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str | int) or (isinstance(one, float) and math.isfinite(one)) for one in values):
            raise ConfigError(
                f"{name!r} is no control", hint="give it a finite number, a text, true, false, or a list of these"
            )
    return controls


def _check_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv or not Path(argv[0]).is_absolute() or any("\0" in argument for argument in argv):
        raise ConfigError("it is no command", hint="write the absolute path of a program, and its arguments")
    return argv


# TOML has its own types, so nothing is converted (a number in quotes is a text), but lists are tuples here.
_List = Field(strict=False)
_FilePath = Annotated[Path, Field(strict=False), BeforeValidator(_check_path)]
_AbsolutePath = Annotated[_FilePath, AfterValidator(_check_absolute)]
_Text = Annotated[str, AfterValidator(_check_text)]
_Label = Annotated[str, AfterValidator(check_label)]
_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Pixels = Annotated[int, Field(gt=0, le=16384)]
_Size = Annotated[tuple[_Pixels, _Pixels], _List]
_Pin = Annotated[int, Field(ge=0, le=27)]
_Roi = Annotated[tuple[float, float, float, float], _List, AfterValidator(_check_roi)]


class _Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Source(_Table):
    """Where frames come from. `name` may be absent where the command line gives it."""

    name: Annotated[_Text, AfterValidator(check_source)] | None = None
    size: _Size | None = None
    lores: _Size | None = None
    fps: _Positive | None = None
    rotation: Literal[0, 90, 180, 270] = 0
    mirror: bool = False
    roi: _Roi = (0.0, 0.0, 1.0, 1.0)
    # systemd's watchdog waits for 30 seconds, and a camera has to be found out before.
    stall_s: Annotated[float, Field(gt=0, le=20)] = 10.0
    controls: Annotated[dict[str, Any], AfterValidator(_check_controls)] = {}

    @field_validator("size", "lores", "fps", "controls")
    @classmethod
    def _check_camera(cls, value: object, info: ValidationInfo) -> object:
        name = info.data.get("name")
        able = [kind for kind, options in OPTIONS.items() if info.field_name in options]
        if name is not None and value and parse_source(name)[0] not in able:
            raise ConfigError(
                f"only {' and '.join(able)} can be asked for it", hint="leave it out, or choose another source"
            )
        return value


class States(_Table):
    """How frames become stable states: the arguments of `core.smoothing.States`."""

    smoothing_s: _NotNegative = 0.5
    enter: _Share = 0.6
    leave: _Share = 0.4
    dwell_s: _NotNegative = 0.5
    background: Annotated[tuple[_Label, ...], _List] = ("background",)

    @field_validator("leave")
    @classmethod
    def _check_leave(cls, leave: float, info: ValidationInfo) -> float:
        enter = info.data.get("enter", 1.0)
        if leave > enter:
            raise ConfigError(f"{leave:g} is above enter, which is {enter:g}", hint="make it at most as large")
        return leave


class Limits(_Table):
    """How fast and how hot it may go; None: as fast as it goes."""

    # The watchdog waits 30 s for a frame.
    max_fps: Annotated[float, Field(ge=0.1)] | None = None
    hot_c: Annotated[float, Field(gt=0, le=125)] = 80.0


class Button(_Table):
    """A button at a pin, or a key; it teaches `label`, or has an `action`. `forget` may name a label."""

    pin: _Pin | None = None
    key: _Text | None = Field(default=None, validate_default=True)
    label: _Label | None = None
    action: Literal["undo", "forget", "background"] | None = Field(default=None, validate_default=True)

    @field_validator("key")
    @classmethod
    def _check_key(cls, key: str | None, info: ValidationInfo) -> str | None:
        if "pin" in info.data and (key is None) == (info.data["pin"] is None):
            raise ConfigError("a button has either a pin or a key", hint="give one of the two")
        if key is not None:
            check_key(key)
        return key

    @field_validator("action")
    @classmethod
    def _check_action(cls, action: str | None, info: ValidationInfo) -> str | None:
        if "label" in info.data and (action is None) == (info.data["label"] is None) and action != "forget":
            raise ConfigError("a button has either a label to teach or an action", hint="give one of the two")
        if info.data.get("label") is not None and action in ("undo", "background"):
            raise ConfigError(f"{action} takes no label", hint="leave the label out")
        return action


class Led(_Table):
    """A light that is on while the state is `label`."""

    pin: _Pin
    label: _Label


class Panel(_Table):
    """Buttons and lights, or the keys of a keyboard: of the terminal, or of `device`. Pins are BCM numbers."""

    kind: Literal["gpio", "keyboard"]
    pull_up: bool = True
    device: _AbsolutePath | None = None
    debounce_s: _NotNegative = 0.02
    hold_s: _Positive = 0.8
    repeat_s: _Positive = 0.3
    button: Annotated[tuple[Button, ...], _List] = ()
    led: Annotated[tuple[Led, ...], _List] = ()
    feedback_led: _Pin | None = None

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: Path | None, info: ValidationInfo) -> Path | None:
        if device is not None and info.data.get("kind") == "gpio":
            raise ConfigError("only a keyboard has a device", hint='leave it out, or use kind = "keyboard"')
        return device

    @field_validator("button")
    @classmethod
    def _check_buttons(cls, buttons: tuple[Button, ...], info: ValidationInfo) -> tuple[Button, ...]:
        kind = info.data.get("kind")
        for number, button in enumerate(buttons, 1):
            if kind is not None and (button.pin is None) == (kind == "gpio"):
                other = "pin" if kind == "gpio" else "key"
                raise ConfigError(f"button #{number} has no {other}, and the kind is {kind}", hint=f"give it a {other}")
        keys = [button.key.lower() for button in buttons if button.key is not None]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ConfigError(f"the key {twice[0]!r} is used twice", hint="give each button a key of its own")
        _check_pins(*buttons)
        return buttons

    @field_validator("led", "feedback_led")
    @classmethod
    def _check_kind(cls, lights: tuple[Led, ...] | int | None, info: ValidationInfo) -> tuple[Led, ...] | int | None:
        if info.data.get("kind") == "keyboard" and lights not in ((), None):
            raise ConfigError("a keyboard panel has no lights", hint='leave them out, or use kind = "gpio"')
        return lights

    @field_validator("led")
    @classmethod
    def _check_leds(cls, leds: tuple[Led, ...], info: ValidationInfo) -> tuple[Led, ...]:
        _check_pins(*info.data.get("button", ()), *leds)
        return leds

    @field_validator("feedback_led")
    @classmethod
    def _check_feedback_led(cls, pin: int | None, info: ValidationInfo) -> int | None:
        _check_pins(*info.data.get("button", ()), *info.data.get("led", ()), pin)
        return pin


class JsonLinesSink(_Table):
    """Messages as JSON, one a line, at the end of the file `path`, or on standard output where that is `-`."""

    kind: Literal["json_lines"]
    path: _FilePath = Path("-")
    raw: bool = False

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: Path) -> Path:
        return path if path == Path("-") else _check_absolute(path)


class GpioSink(_Table):
    """An output that is on while the state is `label`."""

    kind: Literal["gpio"]
    pin: _Pin
    label: _Label
    active_high: bool = True


class CommandSink(_Table):
    """A program that is started for each event."""

    kind: Literal["command"]
    argv: Annotated[tuple[str, ...], _List, AfterValidator(_check_argv)]
    timeout_s: _Positive = 5.0


class StateFileSink(_Table):
    """A snapshot of the state, written atomically."""

    kind: Literal["state_file"]
    path: _AbsolutePath = Path("/run/edge-cls/state.json")


Sink = Annotated[JsonLinesSink | GpioSink | CommandSink | StateFileSink, Field(discriminator="kind")]


class Config(_Table):
    """All settings. Compare the sections of two (`old.source != new.source`) to see what a reload changes."""

    model: _FilePath | None = None
    labels: _FilePath | None = None
    memory: _FilePath | None = None
    classes: Literal["both", "model", "memory"] = "both"
    head: Annotated[str, AfterValidator(_check_head)] = "auto"
    false_accept: Annotated[float, Field(ge=0.001, le=0.5)] = 0.05
    threads: Annotated[int, Field(ge=1, le=64)] | None = None
    delegate: Annotated[str, AfterValidator(check_backend)] = "none"
    source: Source = Source()
    states: States = States()
    limits: Limits = Limits()
    panel: Panel | None = None
    sink: Annotated[tuple[Sink, ...], _List] = ()

    @field_validator("sink")
    @classmethod
    def _check_sinks(cls, sinks: tuple[Sink, ...], info: ValidationInfo) -> tuple[Sink, ...]:
        panel = info.data.get("panel")
        taken = () if panel is None else (*panel.button, *panel.led, panel.feedback_led)
        _check_pins(*taken, *(one for one in sinks if isinstance(one, GpioSink)))
        return sinks


def _check_pins(*users: Button | Led | GpioSink | int | None) -> None:
    pins = [one if isinstance(one, int) else one.pin for one in users if one is not None]
    if twice := sorted({pin for pin in pins if pin is not None and pins.count(pin) > 1}):
        raise ConfigError(f"pin {twice[0]} is used twice", hint="give each button, light and output a pin of its own")
