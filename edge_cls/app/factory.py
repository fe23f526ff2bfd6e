"""Opens what the sections of a configuration name: classifier, source, states, sinks and command sources.

A further kind of sink or of command source is one class and one row of SINKS or COMMAND_SOURCES.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from edge_cls import config as settings
from edge_cls.classifier import Classifier
from edge_cls.config import Config
from edge_cls.errors import ConfigError, MemoryFileError
from edge_cls.hardware.thermal import temperature, under_voltage
from edge_cls.model.golden import check_golden
from edge_cls.panels.buttons import Button
from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.runtime.messages import CHANGES, Result
from edge_cls.runtime.ports import Clock, CommandSource, FrameSource, Sink
from edge_cls.runtime.states import States
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sources.opening import open_source

log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S = 0.5
"""Seconds that a command waits for another process that writes into the memory; frames wait too. Then it is refused."""


class FeedbackLed(BaseModel, frozen=True):
    """The feedback light of a panel, as a section of its own."""

    kind: Literal["feedback_light"] = "feedback_light"
    pin: int


SinkSection = settings.Sink | FeedbackLed


def open_classifier(
    config: Config, *, make_memory: bool, classifier_class: Callable[..., Classifier] = Classifier
) -> Classifier:
    """Return the classifier, whose model has passed its golden frames.

    Raises MemoryFileError if its memory does not exist and `make_memory` is false, and as `Classifier` and
    `check_golden` do.
    """
    if config.memory is not None and not config.memory.exists() and not make_memory:
        raise MemoryFileError(
            f"{config.memory} does not exist", hint="teach first: edge-cls teach LABEL IMAGE --memory FILE"
        )
    classifier = classifier_class(**config.classifier_options(), learn_in_background=True)
    log.info("model: %s", classifier.model.file.path)
    if classifier.memory is not None:
        classifier.memory.wait_at_most(_BUSY_TIMEOUT_S)
    try:
        check_golden(classifier.model)
    except BaseException:
        classifier.close()
        raise
    return classifier


def source_opener(
    config: Config, clock: Clock, *, opened_by: Callable[..., FrameSource] = open_source
) -> Callable[[], FrameSource]:
    """Return a function that opens the source, each time that it is called, with the arguments of `open_source`."""
    return lambda: opened_by(source_name(config), clock=clock, **config.source.model_dump(exclude={"name"}))


def governor_of(
    config: Config,
    clock: Clock,
    *,
    temperature: Callable[[], float | None] = temperature,
    undervoltage: Callable[[], bool] = under_voltage,
) -> FrameRateGovernor:
    """Return the governor of the frame rate; by default with the sensors of this machine."""
    return FrameRateGovernor(
        **config.limits.model_dump(), clock=clock, temperature=temperature, undervoltage=undervoltage
    )


def source_name(config: Config) -> str:
    """Return the name of the source. Raises ConfigError if the configuration has none."""
    if config.source.name is None:
        raise ConfigError("no source is set", hint="use --source, or set name in [source] of the configuration")
    return config.source.name.get_secret_value()


def states_of(config: Config, *, continue_from: States | None = None) -> States:
    """Return the smoothing of predictions to states, which continues from the evidence of `continue_from`."""
    states = States(**config.states.model_dump())
    if continue_from is not None:
        states.continue_from(continue_from)
    return states


def sinks_of(config: Config) -> list[SinkSection]:
    """Return the sections of all sinks; the lights of a panel are sinks as well."""
    sections: list[SinkSection] = list(config.sink)
    if config.panel is not None:
        sections += (settings.GpioSink(kind="gpio", pin=light.pin, label=light.label) for light in config.panel.led)
        if config.panel.feedback_led is not None:
            sections.append(FeedbackLed(pin=config.panel.feedback_led))
    return sections


def command_sources_of(config: Config) -> list[settings.Panel]:
    """Return the sections of all command sources."""
    return [] if config.panel is None else [config.panel]


def name_of(section: SinkSection) -> str:
    """Return the name of a sink in the log: its kind, and its pin, path or program if it has one."""
    options = section.model_dump()
    place = next((options[key] for key in ("pin", "path", "argv") if key in options), "")
    return f"{section.kind} {place[0] if isinstance(place, tuple) else place}".strip()


def open_sink(section: SinkSection) -> Sink:
    """Return the sink of a section, by its row in SINKS. The keys of the section are the arguments."""
    return SINKS[section.kind](**section.model_dump(exclude={"kind"}))


def open_command_source(section: settings.Panel, clock: Clock) -> CommandSource:
    """Return the command source of a section, by its row in COMMAND_SOURCES. It does not listen yet."""
    buttons = [
        Button(
            contact=one.key if one.pin is None else one.pin,  # type: ignore[arg-type] # the configuration has one
            label=one.label,
            action=one.action or "teach",
        )
        for one in section.button
    ]
    return COMMAND_SOURCES[section.kind](section, buttons, clock)


# The imports are inside the functions: a device loads only the adapters that it uses.


def _json_lines(path: Path, *, raw: bool) -> Sink:
    return JsonLines(path, wants=(Result, *CHANGES) if raw else CHANGES)


def _gpio_output(pin: int, label: str, *, active_high: bool) -> Sink:
    from edge_cls.sinks.gpio import GpioOutput

    return GpioOutput(pin, label, active_high=active_high)


def _command_hook(argv: tuple[str, ...], timeout_s: float) -> Sink:
    from edge_cls.sinks.command import CommandHook

    return CommandHook(argv, timeout_s)


def _state_file(path: Path) -> Sink:
    from edge_cls.sinks.state_file import StateFile

    return StateFile(path)


def _feedback_light(pin: int) -> Sink:
    from edge_cls.panels.feedback_light import FeedbackLight

    return FeedbackLight(pin)


def _gpio_buttons(section: settings.Panel, buttons: list[Button], clock: Clock) -> CommandSource:
    from edge_cls.panels.gpio import GpioButtons

    return GpioButtons(
        buttons, **section.model_dump(include={"pull_up", "debounce_s", "hold_s", "repeat_s"}), clock=clock
    )


def _keyboard_buttons(section: settings.Panel, buttons: list[Button], clock: Clock) -> CommandSource:
    from edge_cls.panels.keyboard import KeyboardButtons
    from edge_cls.panels.keys import Keypad, Terminal

    keys = Terminal(sys.stdin.fileno()) if section.device is None else Keypad(section.device)
    return KeyboardButtons(buttons, keys, **section.model_dump(include={"hold_s", "repeat_s"}), clock=clock)


SINKS: dict[str, Callable[..., Sink]] = {
    "json_lines": _json_lines,
    "gpio": _gpio_output,
    "command": _command_hook,
    "state_file": _state_file,
    "feedback_light": _feedback_light,
}
"""The function that opens a sink, by the kind of its section."""
COMMAND_SOURCES: dict[str, Callable[[settings.Panel, list[Button], Clock], CommandSource]] = {
    "gpio": _gpio_buttons,
    "keyboard": _keyboard_buttons,
}
"""The function that opens a command source, by the kind of its section."""
