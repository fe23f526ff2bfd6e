"""The composition root: what the configuration names becomes adapters, and the appliance that runs on them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_cls import config as settings
from edge_cls.classifier import Classifier
from edge_cls.config import Config
from edge_cls.core.smoothing import States
from edge_cls.errors import ConfigError, EdgeClsError, MemoryFileError
from edge_cls.golden import check_golden
from edge_cls.runtime.appliance import Appliance
from edge_cls.runtime.camera import Camera
from edge_cls.runtime.messages import CHANGES, Result
from edge_cls.runtime.outbox import Outbox
from edge_cls.runtime.pace import Pace
from edge_cls.runtime.pipeline import Pipeline
from edge_cls.runtime.ports import Clock, Feedback, FrameSource, Panel, Sink, Supervisor
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sources.opening import is_live, open_source
from edge_cls.system.thermal import temperature, under_voltage

log = logging.getLogger(__name__)

_OF_CLASSIFIER = {"model", "labels", "memory", "classes", "head", "false_accept", "threads", "delegate"}
_PATIENCE_WITH_WRITERS = 0.5
"""Seconds that frames wait for another process that writes into the memory; then a lesson is refused."""
_PATIENCE = 1.0
"""Seconds that all sinks together have to deliver what is queued when they are closed."""


@dataclass(frozen=True)
class Shown:
    """What is seen of a run on the terminal or in a pipe: a sink whose failure ends it, and what wishes became of."""

    sink: Sink
    heard: Callable[[Feedback], None] | None = None


class Service:
    """The appliance as the configuration describes it, which `reading` reads: now, and again at each reload.

    `show` makes what is shown of it, told whether the source is live. A memory that does not exist is made, where
    `make_memory`. Raises ConfigError, and whatever keeps the appliance from beginning: a source that does not exist, a
    model that fails its golden frames, a memory of another backbone.
    """

    def __init__(
        self,
        reading: Callable[[], Config],
        *,
        show: Callable[[bool], Shown | None],
        supervisor: Supervisor,
        make_memory: bool,
        clock: Clock = time,
    ) -> None:
        self._reading = reading
        self._clock = clock
        self._make_memory = make_memory
        self.config = reading()
        self._live = is_live(_source_name(self.config))
        self._adapters: dict[object, Outbox | Panel] = {}
        self._source: FrameSource | None = None
        self.classifier = self._open_classifier(self.config)
        try:
            if self._live:
                self._source = Camera(self._opener(self.config), clock=clock)
            else:
                self._source = self._opener(self.config)()
            self.pipeline = Pipeline(self._source, self.classifier, clock=clock, pace=self._pace(self.config))
            self.appliance = Appliance(
                self._source, self.pipeline, _states(self.config), clock=clock, supervisor=supervisor,
                reload=self.reload,
            )  # fmt: skip
            self._shown = show(self._live)
            if self._shown is not None:
                self._adapters[self._shown] = Outbox(self._shown.sink, essential=True, name="output")
                self.appliance.heard = self._shown.heard
            self._adapt(self.config)
        except BaseException:
            self.close()
            if self._source is not None:
                self._source.close()
            raise

    def run(self, max_frames: int | None = None) -> int:
        """Work until the source ends, `max_frames` are done or the appliance is stopped; return how many were done."""
        try:
            return self.appliance.run(max_frames)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of everything. Closing twice is safe."""
        until = self._clock.monotonic() + _PATIENCE
        try:
            while self._adapters:
                self._close_adapter(next(reversed(self._adapters)), until)
        finally:
            self.classifier.close()

    def reload(self) -> str | None:
        """Read the configuration again and replace what it changes. One that makes no sense leaves all as it was.

        What is being seen, and the evidence for it, stay. The source may become another camera, but a camera does not
        become a recording. Returns why it was refused, if it was.
        """
        try:
            self._become(self._reading())
        except (EdgeClsError, OSError) as error:
            log.error("the new configuration is refused, the old one stays: %s", error)
            return f"the new configuration is refused: {error}"
        log.info("the configuration was read again")
        return None

    def _become(self, new: Config) -> None:
        old = self.config
        if new.source != old.source and not (self._live and is_live(_source_name(new))):
            raise ConfigError(
                f"{new.source.name} cannot take the place of {old.source.name} while it runs", mend="start it again"
            )
        renewed = new.model_dump(include=_OF_CLASSIFIER) != old.model_dump(include=_OF_CLASSIFIER)
        if renewed and "none" not in (old.delegate, new.delegate):
            raise ConfigError(
                "the Edge TPU in use serves one model at a time",
                mend="start edge-cls again for another model or memory: sudo systemctl restart edge-cls",
            )
        classifier = self._open_classifier(new) if renewed else self.classifier
        try:
            self._adapt(new)
        except BaseException:
            if renewed:
                classifier.close()
            self._adapt(old)
            raise
        self.config = new
        if renewed:
            self.pipeline.engine, before = classifier, self.classifier
            self.classifier = classifier
            before.close()
        if new.states != old.states:
            self.appliance.states = _states(new, going_on_from=self.appliance.states)
        if new.limits != old.limits:
            self.pipeline.pace = self._pace(new)
        if new.source != old.source and isinstance(self._source, Camera):
            self._source.opener = self._opener(new)

    def _adapt(self, config: Config) -> None:
        """Close the adapters that `config` does not have, then open those that it has: they may be of the same pin."""
        wanted = [*_sinks(config), *([] if config.panel is None else [config.panel])]
        for key in [key for key in self._adapters if key not in wanted and key is not self._shown]:
            self._close_adapter(key, self._clock.monotonic() + _PATIENCE)
        for key in wanted:
            if key in self._adapters:
                continue
            if isinstance(key, settings.Panel):
                panel = _open_panel(key, self._clock)
                panel.start(self.pipeline.snapshot, self.appliance.ask)
                self._adapters[key] = panel
            else:
                self._adapters[key] = Outbox(_open_sink(key), name=_name(key), clock=self._clock)
        outboxes = [adapter for adapter in self._adapters.values() if isinstance(adapter, Outbox)]
        self.appliance.outboxes = outboxes
        self.appliance.panel = next((one for one in self._adapters.values() if not isinstance(one, Outbox)), None)

    def _close_adapter(self, key: object, until: float) -> None:
        adapter = self._adapters.pop(key)
        if isinstance(adapter, Outbox):
            # Of a recording everything is told, however slow who reads it.
            adapter.close(max(0.0, until - self._clock.monotonic()) if self._live else None)
        else:
            adapter.close()

    def _open_classifier(self, config: Config) -> Classifier:
        if config.memory is not None and not config.memory.exists() and not self._make_memory:
            raise MemoryFileError(
                f"{config.memory} does not exist", mend="teach first: edge-cls teach LABEL IMAGE --memory FILE"
            )
        classifier = Classifier(
            config.model,
            memory=config.memory,
            labels=config.labels,
            threads=config.threads,
            head=config.head,
            false_accept=config.false_accept,
            classes=config.classes,
            study_beside=True,
            delegate=config.delegate,
        )
        if classifier.memory is not None:
            classifier.memory.wait_at_most(_PATIENCE_WITH_WRITERS)
        try:
            check_golden(classifier.model)
        except BaseException:
            classifier.close()
            raise
        return classifier

    def _opener(self, config: Config) -> Callable[[], FrameSource]:
        source = config.source
        return lambda: open_source(
            _source_name(config),
            clock=self._clock,
            size=source.size,
            lores=source.lores,
            fps=source.fps,
            controls=source.controls,
            rotation=source.rotation,
            mirror=source.mirror,
            roi=source.roi,
            stall_s=source.stall_s,
        )

    def _pace(self, config: Config) -> Pace:
        return Pace(
            max_fps=config.limits.max_fps,
            hot_c=config.limits.hot_c,
            clock=self._clock,
            temperature=temperature,
            undervoltage=under_voltage,
        )


def _source_name(config: Config) -> str:
    if config.source.name is None:
        raise ConfigError("no source is named", mend="name one: --source, or name in [source] of the configuration")
    return config.source.name


def _states(config: Config, *, going_on_from: States | None = None) -> States:
    states = States(**config.states.model_dump())
    if going_on_from is not None:
        states.go_on_from(going_on_from)
    return states


def _sinks(config: Config) -> list[settings.Sink]:
    """Return the sinks; a light of the panel is an output as any other."""
    lights = () if config.panel is None else config.panel.led
    return [*config.sink, *(settings.GpioSink(kind="gpio", pin=light.pin, label=light.label) for light in lights)]


def _name(sink: settings.Sink) -> str:
    """Return what the log calls a sink."""
    match sink:
        case settings.GpioSink():
            return f"gpio {sink.pin}"
        case settings.CommandSink():
            return f"command {sink.argv[0]}"
        case _:
            return f"{sink.kind} {sink.path}"


def _open_sink(sink: settings.Sink) -> Sink:
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


def _open_panel(panel: settings.Panel, clock: Clock) -> Panel:
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
