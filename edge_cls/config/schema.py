"""The model of a configuration: a class for each section of the file, whose fields are the keys of the section.

`[[panel.button]]` is `config.panel.button`, a tuple. The descriptions of the fields are written for users: the example
file and the reference are generated from them, see `edge_cls.config.keys`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from edge_cls.backends.names import check_backend, describe_names
from edge_cls.config.fields import (
    LIST,
    FilePath,
    Label,
    NotNegative,
    Positive,
    Section,
    Share,
    Size,
    SourceName,
    check_pins,
    check_text,
)
from edge_cls.config.panel import Panel
from edge_cls.config.sinks import GpioSink, Sink
from edge_cls.core.labels import BACKGROUND
from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError
from edge_cls.hardware.thermal import HOT_C
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.model.names import CHOICES
from edge_cls.sources.names import OPTIONS, STALL_S, check_source, parse_source
from edge_cls.sources.region import WHOLE, Region, check_region

_FALSE_ACCEPT = 0.05


def _check_head(head: str) -> str:
    if head not in HEAD_NAMES:
        raise ConfigError(f"unknown head {showable(head)!r}", hint=f"use one of {', '.join(HEAD_NAMES)}")
    return head


def _check_name(name: SourceName) -> SourceName:
    check_source(check_text(name.get_secret_value()))
    return name


def _check_controls(controls: dict[str, Any]) -> dict[str, Any]:
    for name, value in controls.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str | int) or (isinstance(one, float) and math.isfinite(one)) for one in values):
            raise ConfigError(
                f"the control {name!r} has an unsupported value",
                hint="use a finite number, text, true, false, or a list of these",
            )
    return controls


class Source(Section):
    """Where frames come from. `name` may be absent if the command line gives it."""

    name: Annotated[SourceName, AfterValidator(_check_name)] | None = Field(
        default=None,
        description="picamera2, picamera2:1, v4l2:0, v4l2:/dev/video2, rtsp://..., http://..., demo, a video, an "
        "image, or a folder or pattern of images. Required, unless the command line names a source. If it contains a "
        "password, restrict who can read this file: chown root:edge-cls FILE && chmod 640 FILE.",
        examples=["picamera2"],
    )
    size: Size | None = Field(
        default=None, description="Width and height, in pixels, requested from a camera.", examples=[[640, 480]]
    )
    lores: Size | None = Field(
        default=None,
        description="Width and height, in pixels, of the small stream that is classified; the photos of taught "
        "examples then come from the large one. Only for picamera2.",
        examples=[[320, 240]],
    )
    fps: Positive | None = Field(
        default=None, description="Frame rate, in frames per second, requested from a camera.", examples=[30.0]
    )
    rotation: Literal[0, 90, 180, 270] = Field(
        default=0, description="Angle, in degrees, by which each frame is turned clockwise."
    )
    mirror: bool = Field(default=False, description="Whether each frame is mirrored left to right, after the rotation.")
    roi: Annotated[Region, LIST, AfterValidator(check_region)] = Field(
        default=WHOLE,
        description="Region of interest that is classified: left, top, width and height, as fractions of the upright "
        "frame.",
    )
    # systemd's watchdog waits for 30 seconds, and a failed camera must be noticed before that.
    stall_s: Annotated[float, Field(gt=0, le=20)] = Field(
        default=STALL_S, description="Seconds without a frame after which a camera is closed and opened again."
    )
    controls: Annotated[dict[str, Any], AfterValidator(_check_controls)] = Field(
        default={}, description="Camera controls, by name. Only for picamera2.", examples=[{"AfMode": 2}]
    )

    @field_validator("size", "lores", "fps", "controls")
    @classmethod
    def _check_camera(cls, value: object, info: ValidationInfo) -> object:
        name = info.data.get("name")
        able = [kind for kind, options in OPTIONS.items() if info.field_name in options]
        if name is not None and value and parse_source(name.get_secret_value())[0] not in able:
            support = "support" if len(able) > 1 else "supports"
            raise ConfigError(f"only {' and '.join(able)} {support} it", hint="remove it, or choose another source")
        return value


class States(Section):
    """How the predictions of single frames become stable states."""

    smoothing_s: NotNegative = Field(
        default=0.5,
        description="Time constant, in seconds, of the exponential smoothing of the share of frames that are known as "
        "a class.",
    )
    enter: Share = Field(
        default=0.6,
        description="Share of the recent frames that must be known as a class before it becomes the state.",
    )
    leave: Share = Field(
        default=0.4,
        description="The state ends when the share of the recent frames that are known as it is below this.",
    )
    dwell_s: NotNegative = Field(
        default=0.5,
        description="Seconds that a share must stay above enter, or below leave, before the state changes. No state is "
        "shorter.",
    )
    background: Annotated[tuple[Label, ...], LIST] = Field(
        default=(BACKGROUND,),
        description=f"Labels that mean that nothing is there, so that they never become the state. {BACKGROUND} always "
        "does.",
    )

    @field_validator("leave")
    @classmethod
    def _check_leave(cls, leave: float, info: ValidationInfo) -> float:
        enter = info.data.get("enter", 1.0)
        if leave > enter:
            raise ConfigError(f"{leave:g} is greater than enter ({enter:g})", hint="make it at most as large as enter")
        return leave


class Limits(Section):
    """Limits of the frame rate and of the temperature."""

    # The watchdog waits for 30 seconds for a frame.
    max_fps: Annotated[float, Field(ge=0.1)] | None = Field(
        default=None, description="Highest frame rate, in frames per second. Unlimited, if not set.", examples=[10.0]
    )
    hot_c: Annotated[float, Field(gt=0, le=125)] = Field(
        default=HOT_C,
        description="Temperature of the processor, in degrees Celsius, from which on fewer frames are classified.",
    )


class ClassifierOptions(Section):
    """The keys at the top of the file: the arguments of `edge_cls.Classifier`."""

    model: FilePath | None = Field(
        default=None,
        description=f"Model: {CHOICES}. Without one, it is the backbone that the memory was taught on, or lite0-160; a "
        "backbone knows no class until it is taught one.",
        examples=["/var/lib/edge-cls/model.tflite"],
    )
    labels: FilePath | None = Field(
        default=None, description="Labels file, if the model contains no labels.", examples=["labels.txt"]
    )
    memory: FilePath | None = Field(
        default=None,
        description="File of taught examples. Without one, nothing can be taught.",
        examples=["/var/lib/edge-cls/taught.db"],
    )
    classes: Literal["both", "model", "memory"] = Field(
        default="both",
        description="Classes that count: those of the model, those taught to the memory, or both, in which case a "
        "taught class wins if it is certain.",
    )
    head: Annotated[str, AfterValidator(_check_head)] = Field(
        default="auto",
        description=f"Method that distinguishes the taught classes: {', '.join(HEAD_NAMES[:-1])} or {HEAD_NAMES[-1]}.",
    )
    false_accept: Annotated[float, Field(ge=0.001, le=0.5)] = Field(
        default=_FALSE_ACCEPT,
        description="Rate of pictures of quite other things that may be taken for a taught class.",
    )
    closed_set: bool = Field(
        default=False,
        description="The classes are all that the camera can show, so no frame is unknown. It excludes false_accept.",
    )
    augment: Annotated[tuple[Literal["grey"], ...], LIST] = Field(
        default=(),
        description='Altered copies of taught examples that are learnt as well. "grey" is for a camera that sees no '
        "colour at night, in infrared light.",
    )
    threads: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None, description="Threads of the interpreter. If not set, it decides itself.", examples=[2]
    )
    delegate: Annotated[str, AfterValidator(check_backend)] = Field(
        default="none",
        description=describe_names(),
    )

    @field_validator("closed_set")
    @classmethod
    def _check_closed_set(cls, closed_set: bool, info: ValidationInfo) -> bool:
        rate = info.data.get("false_accept", _FALSE_ACCEPT)
        if closed_set and rate != _FALSE_ACCEPT:
            raise ConfigError(
                f"every frame is known, but false_accept is {rate:g}, a rate for unknown ones",
                hint="remove one of the two",
            )
        return closed_set


class Config(ClassifierOptions):
    """The keys of the classifier, which stand at the top of the file, above all sections."""

    # A reload compares the sections of two configurations: old.source != new.source.

    source: Source = Field(default=Source(), description="Where frames come from.")
    states: States = Field(default=States(), description="How the predictions of single frames become stable states.")
    limits: Limits = Field(default=Limits(), description="Limits of the frame rate and of the temperature.")
    panel: Panel | None = Field(
        default=None,
        description="Buttons that teach, and lights. Pins are BCM numbers; each may be used once.",
        examples=[{"kind": "gpio", "feedback_led": 27}],
    )
    sink: Annotated[tuple[Sink, ...], LIST] = Field(
        default=(), description="Where events go. There may be any number of sinks of each kind."
    )

    def classifier_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `edge_cls.Classifier`. A reload that changes them needs a new classifier."""
        return {key: getattr(self, key) for key in ClassifierOptions.model_fields}

    @field_validator("sink")
    @classmethod
    def _check_sinks(cls, sinks: tuple[Sink, ...], info: ValidationInfo) -> tuple[Sink, ...]:
        panel = info.data.get("panel")
        taken = () if panel is None else (*panel.button, *panel.led, panel.feedback_led)
        check_pins(*taken, *(one for one in sinks if isinstance(one, GpioSink)))
        return sinks
