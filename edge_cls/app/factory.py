"""From the sections of a configuration to what they name: classifier, source, states, sinks, panel."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from edge_cls import config as settings
from edge_cls.classifier import Classifier
from edge_cls.config import Config
from edge_cls.errors import ConfigError, MemoryFileError
from edge_cls.hardware.thermal import temperature, under_voltage
from edge_cls.model.golden import check_golden
from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.runtime.messages import CHANGES, Result
from edge_cls.runtime.ports import Clock, FrameSource, Panel, Sink
from edge_cls.runtime.states import States
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sources.opening import open_source

log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S = 0.5
"""Seconds that frames wait for another process that writes into the memory; then a lesson is refused."""


def open_classifier(config: Config, *, make_memory: bool) -> Classifier:
    """Return the classifier, whose model has passed its golden frames.

    Raises MemoryFileError where its memory does not exist and is not to be made, and what `Classifier` and
    `check_golden` raise.
    """
    if config.memory is not None and not config.memory.exists() and not make_memory:
        raise MemoryFileError(
            f"{config.memory} does not exist", hint="teach first: edge-cls teach LABEL IMAGE --memory FILE"
        )
    classifier = Classifier(
        config.model,
        memory=config.memory,
        labels=config.labels,
        threads=config.threads,
        head=config.head,
        false_accept=config.false_accept,
        classes=config.classes,
        learn_in_background=True,
        delegate=config.delegate,
    )
    if classifier.memory is not None:
        classifier.memory.wait_at_most(_BUSY_TIMEOUT_S)
    try:
        check_golden(classifier.model)
    except BaseException:
        classifier.close()
        raise
    return classifier


def source_opener(config: Config, clock: Clock) -> Callable[[], FrameSource]:
    """Return what opens the source, each time that it is called."""
    source = config.source
    return lambda: open_source(
        source_name(config),
        clock=clock,
        size=source.size,
        lores=source.lores,
        fps=source.fps,
        controls=source.controls,
        rotation=source.rotation,
        mirror=source.mirror,
        roi=source.roi,
        stall_s=source.stall_s,
    )


def governor_of(config: Config, clock: Clock) -> FrameRateGovernor:
    """Return the limits, with the sensors of this machine."""
    return FrameRateGovernor(
        max_fps=config.limits.max_fps,
        hot_c=config.limits.hot_c,
        clock=clock,
        temperature=temperature,
        undervoltage=under_voltage,
    )


def source_name(config: Config) -> str:
    """Return how the source is called. Raises ConfigError where it is not."""
    if config.source.name is None:
        raise ConfigError("no source is named", hint="name one: --source, or name in [source] of the configuration")
    return config.source.name


def states_of(config: Config, *, going_on_from: States | None = None) -> States:
    """Return how frames become states, with what others have seen already."""
    states = States(**config.states.model_dump())
    if going_on_from is not None:
        states.go_on_from(going_on_from)
    return states


def sinks_of(config: Config) -> list[settings.Sink]:
    """Return the sinks; a light of the panel is an output as any other."""
    lights = () if config.panel is None else config.panel.led
    return [*config.sink, *(settings.GpioSink(kind="gpio", pin=light.pin, label=light.label) for light in lights)]


def name_of(sink: settings.Sink) -> str:
    """Return what the log calls a sink."""
    match sink:
        case settings.GpioSink():
            return f"gpio {sink.pin}"
        case settings.CommandSink():
            return f"command {sink.argv[0]}"
        case _:
            return f"{sink.kind} {sink.path}"


def open_sink(sink: settings.Sink) -> Sink:
    """Return the adapter of a sink."""
    # Inside, because a device loads only what it uses.
    match sink:
        case settings.JsonLinesSink():
            return JsonLines(sink.path, wants=(Result, *CHANGES) if sink.raw else CHANGES)
        case settings.GpioSink():
            from edge_cls.sinks.gpio import GpioOutput

            return GpioOutput(sink.pin, sink.label, active_high=sink.active_high)
        case settings.CommandSink():
            from edge_cls.sinks.command import CommandHook

            return CommandHook(sink.argv, sink.timeout_s)
        case settings.StateFileSink():
            from edge_cls.sinks.state_file import StateFile

            return StateFile(sink.path)


def open_panel(panel: settings.Panel, clock: Clock) -> Panel:
    """Return the adapter of a panel, which does not listen yet."""
    from edge_cls.panels.buttons import Button

    buttons = [
        Button(
            contact=one.key if one.pin is None else one.pin,  # type: ignore[arg-type] # the configuration has one
            label=one.label,
            action=one.action or "teach",
        )
        for one in panel.button
    ]
    if panel.kind == "gpio":
        from edge_cls.panels.gpio import GpioPanel

        return GpioPanel(
            buttons,
            feedback_led=panel.feedback_led,
            pull_up=panel.pull_up,
            debounce_s=panel.debounce_s,
            hold_s=panel.hold_s,
            repeat_s=panel.repeat_s,
            clock=clock,
        )
    from edge_cls.panels.keyboard import KeyboardPanel
    from edge_cls.panels.keys import Keypad, Terminal

    keys = Terminal(sys.stdin.fileno()) if panel.device is None else Keypad(panel.device)
    return KeyboardPanel(buttons, keys, tell=log.debug, hold_s=panel.hold_s, repeat_s=panel.repeat_s, clock=clock)
