"""The configuration of a device: what may stand in `config.toml`, and how file and environment become one `Config`.

The models are named as in the file, all their keys: `[[panel.button]]` is `config.panel.button`, a tuple.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from edge_cls.config_faults import faults_of, models_in, nearest
from edge_cls.core.heads.selection import HEADS
from edge_cls.core.labels import check_label
from edge_cls.errors import ConfigError, one_line
from edge_cls.files import open_regular

DEFAULT_FILE = Path("/etc/edge-cls/config.toml")
PREFIX = "EDGE_CLS_"
NO_SETTINGS = frozenset({"EDGE_CLS_CONFIG", "EDGE_CLS_DEBUG"})
"""Variables with our prefix that are no settings: which file to read, and whether native libraries may speak."""

_LIMIT = 2**20
_LISTS = tuple(PREFIX + name for name in ("SINK", "PANEL__BUTTON", "PANEL__LED"))
_NO_FILE = re.compile(r"(picamera2|v4l2)(:.*)?|demo|[a-z]+://.*", re.DOTALL)


def _check_text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ConfigError(f"{text!r} names nothing", mend="write one line of text, or leave the key out")
    return text


def _check_path(path: Path) -> Path:
    _check_text(str(path))
    return path


def _check_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ConfigError(f"{str(path)!r} is no absolute path", mend="begin it with /")
    return path


def _check_head(head: str) -> str:
    if head not in HEADS:
        raise ConfigError(f"there is no head {head!r}", mend=f"use one of {', '.join(HEADS)}")
    return head


def _check_delegate(delegate: str) -> str:
    if not re.fullmatch(r"none|auto|edgetpu(:(usb|pci):\d{1,3})?", delegate):
        raise ConfigError(f"there is no delegate {delegate!r}", mend="use none, auto, edgetpu or edgetpu:usb:0")
    return delegate


def _check_roi(roi: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, width, height = roi
    # A third and two thirds are together a little more than 1.
    if min(roi) < 0 or min(width, height) <= 0 or max(left + width, top + height) > 1 + 1e-9:
        raise ConfigError(
            f"{list(roi)} is not inside the frame", mend="write left, top, width and height as fractions of the frame"
        )
    return roi


def _check_controls(controls: dict[str, Any]) -> dict[str, Any]:
    for name, value in controls.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, bool | int | float | str) for one in values):
            raise ConfigError(
                f"{name!r} is no control", mend="give it a number, a text, true, false, or a list of these"
            )
    return controls


def _check_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv or not Path(argv[0]).is_absolute() or any("\0" in argument for argument in argv):
        raise ConfigError(
            f"{list(argv)} is no command", mend='write the absolute path of a program and its arguments: ["/bin/true"]'
        )
    return argv


# TOML has its own types, so nothing is converted (a number in quotes is a text), but lists are tuples here.
_List = Field(strict=False)
_FilePath = Annotated[Path, Field(strict=False), AfterValidator(_check_path)]
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

    name: _Text | None = None
    size: _Size | None = None
    lores: _Size | None = None
    fps: _Positive | None = None
    rotation: Literal[0, 90, 180, 270] = 0
    mirror: bool = False
    roi: _Roi = (0.0, 0.0, 1.0, 1.0)
    stall_s: _Positive = 10.0
    controls: Annotated[dict[str, Any], AfterValidator(_check_controls)] = {}


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
            raise ConfigError(f"{leave:g} is above enter, which is {enter:g}", mend="make it at most as large")
        return leave


class Limits(_Table):
    """How fast and how hot it may go; None: as fast as it goes."""

    max_fps: _Positive | None = None
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
            raise ConfigError("a button has either a pin or a key", mend="give one of the two")
        return key

    @field_validator("action")
    @classmethod
    def _check_action(cls, action: str | None, info: ValidationInfo) -> str | None:
        if "label" in info.data and (action is None) == (info.data["label"] is None) and action != "forget":
            raise ConfigError("a button has either a label to teach or an action", mend="give one of the two")
        if info.data.get("label") is not None and action in ("undo", "background"):
            raise ConfigError(f"{action} takes no label", mend="leave the label out")
        return action


class Led(_Table):
    """A light that is on while the state is `label`."""

    pin: _Pin
    label: _Label


class Panel(_Table):
    """Buttons and lights, or the keys of a keyboard. Pins are BCM numbers."""

    kind: Literal["gpio", "keyboard"]
    debounce_s: _NotNegative = 0.02
    hold_s: _Positive = 0.8
    repeat_s: _Positive = 0.3
    feedback_led: _Pin | None = None
    button: Annotated[tuple[Button, ...], _List] = ()
    led: Annotated[tuple[Led, ...], _List] = Field(default=(), validate_default=True)

    @field_validator("button")
    @classmethod
    def _check_buttons(cls, buttons: tuple[Button, ...], info: ValidationInfo) -> tuple[Button, ...]:
        kind = info.data.get("kind")
        for number, button in enumerate(buttons, 1):
            if kind is not None and (button.pin is None) == (kind == "gpio"):
                other = "pin" if kind == "gpio" else "key"
                raise ConfigError(f"button #{number} has no {other}, and the kind is {kind}", mend=f"give it a {other}")
        keys = [button.key for button in buttons if button.key is not None]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ConfigError(f"the key {twice[0]!r} is used twice", mend="give each button a key of its own")
        return buttons

    @field_validator("led")
    @classmethod
    def _check_leds(cls, leds: tuple[Led, ...], info: ValidationInfo) -> tuple[Led, ...]:
        if info.data.get("kind") == "keyboard" and (leds or info.data.get("feedback_led") is not None):
            raise ConfigError("a keyboard panel has no lights", mend='leave them out, or use kind = "gpio"')
        pins = [info.data.get("feedback_led"), *(button.pin for button in info.data.get("button", ()))]
        _check_pins([pin for pin in pins if pin is not None] + [led.pin for led in leds])
        return leds


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
    delegate: Annotated[str, AfterValidator(_check_delegate)] = "none"
    source: Source = Source()
    states: States = States()
    limits: Limits = Limits()
    panel: Panel | None = None
    sink: Annotated[tuple[Sink, ...], _List] = ()

    @field_validator("sink")
    @classmethod
    def _check_sinks(cls, sinks: tuple[Sink, ...], info: ValidationInfo) -> tuple[Sink, ...]:
        panel = info.data.get("panel")
        pins = [] if panel is None else [panel.feedback_led, *(one.pin for one in (*panel.button, *panel.led))]
        _check_pins([pin for pin in pins if pin is not None] + [one.pin for one in sinks if isinstance(one, GpioSink)])
        return sinks


def _check_pins(pins: list[int]) -> None:
    if twice := sorted({pin for pin in pins if pins.count(pin) > 1}):
        raise ConfigError(f"pin {twice[0]} is used twice", mend="give each button, light and output a pin of its own")


def load(path: Path | None, *, environ: Mapping[str, str]) -> Config:
    """Return the settings in the file at `path`, if any, with those of `environ` above them, and defaults below.

    `EDGE_CLS_SOURCE__NAME` sets `source.name`; a value is read as TOML where it is some, and as a text otherwise. An
    empty variable counts as unset. Lists of tables (buttons, lights, sinks) can be set in the file alone. Relative
    paths are relative to the file's folder, those of the environment to the working directory.
    Raises ConfigError with all faults at once.
    """
    content = {} if path is None else _anchored(_read(path), path.parent)
    variables = variable_names()
    faults: list[str] = []
    set_by: dict[tuple[str | int, ...], str] = {}
    for name in sorted(environ):
        if name in variables and environ[name]:
            set_by[variables[name]] = name
            _put(content, variables[name], _parsed(environ[name]))
        elif name.startswith(PREFIX) and name not in variables and name not in NO_SETTINGS:
            faults.append(one_line(f"{name}: there is no such setting; {_meant(name, variables)}"))
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        faults += faults_of(error, Config, set_by)
    if faults:
        check = "edge-cls config check" if path is None else f"edge-cls config check {path}"
        what = f"{path or 'the environment'}: {'; '.join(faults)}"
        raise ConfigError(what, mend=f"to check again: {check}", faults=tuple(faults))
    return config


def variable_names() -> dict[str, tuple[str, ...]]:
    """Return all variables that set something, each with the names of the tables and the key that it sets."""
    return {PREFIX + "__".join(path).upper(): path for path in _leaves(Config)}


def _leaves(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        tables = list(models_in(field.annotation))
        if not tables:
            yield (*above, name)
        elif get_origin(field.annotation) is not tuple:
            yield from _leaves(tables[0], (*above, name))


def _meant(name: str, variables: Iterable[str]) -> str:
    if name.upper().startswith(_LISTS):
        return "lists of tables are written into the file"
    near = nearest(name.upper(), variables)
    return f"did you mean {near}?" if near else "unset it, or see all of them: edge-cls config show"


def _parsed(text: str) -> object:
    """Return `text` as the TOML value that it is, or as it is."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return document["value"] if len(document) == 1 else text


def _put(content: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *tables, key = path
    for table in tables:
        content = content.setdefault(table, {})
        if not isinstance(content, dict):
            return  # The file has something else where a table should be, which will be told.
    content[key] = value


def _read(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path, limit=_LIMIT) as file:
            return tomllib.loads(file.read().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", mend=f"write one: edge-cls config init {path}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text (byte {error.start})", mend="save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})", mend="check the path and its rights") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply", mend="write it anew: edge-cls config init") from None
    except ValueError as error:  # with line and column
        raise ConfigError(f"{path} is no TOML: {error}", mend="mend this line; strings stand in quotes") from None


def _anchored(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return `content` with its relative paths relative to `folder`."""
    source = content.get("source")
    places = [(content, key) for key in ("model", "labels", "memory")]
    if isinstance(source, dict) and not _NO_FILE.fullmatch(str(source.get("name"))):
        places.append((source, "name"))
    for table, key in places:
        if isinstance(table.get(key), str) and table[key]:
            table[key] = str(folder / table[key])
    return content
