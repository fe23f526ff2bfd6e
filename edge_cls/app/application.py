"""The composition root: the appliance on what the configuration names, and from one configuration to the next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge_cls.app.factory import (
    command_sources_of,
    governor_of,
    name_of,
    open_classifier,
    open_command_source,
    open_sink,
    sinks_of,
    source_name,
    source_opener,
    states_of,
)
from edge_cls.backends.backend import open_backend
from edge_cls.config import Config
from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError, EdgeClsError
from edge_cls.runtime.main_loop import MainLoop
from edge_cls.runtime.pipeline import Pipeline
from edge_cls.runtime.ports import Clock, CommandSource, FrameSource, Sink, Supervisor
from edge_cls.runtime.reconnect import Camera
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.sources.opening import is_live

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 1.0
"""Seconds that all sinks together have to deliver what is queued when they are closed."""


class Application:
    """The appliance as the configuration describes it, which `reading` reads: now, and again at each reload.

    `show` makes what is shown of it, told whether the source is live. A memory that does not exist is made, where
    `make_memory`. Raises ConfigError, and whatever keeps the appliance from beginning: a source that does not exist, a
    model that fails its golden frames, a memory of another backbone.
    """

    def __init__(
        self,
        reading: Callable[[], Config],
        *,
        open_output: Callable[[bool], Sink | None],
        supervisor: Supervisor,
        make_memory: bool,
        clock: Clock = time,
    ) -> None:
        self._reading = reading
        self._clock = clock
        self._make_memory = make_memory
        self.config = reading()
        self._live = is_live(source_name(self.config))
        self._adapters: dict[object, SinkQueue | CommandSource] = {}
        self._source: FrameSource | None = None
        self.classifier = open_classifier(self.config, make_memory=make_memory)
        try:
            if self._live:
                self._source = Camera(source_opener(self.config, clock), clock=clock)
            else:
                self._source = source_opener(self.config, clock)()
            self.pipeline = Pipeline(
                self._source, self.classifier, clock=clock, governor=governor_of(self.config, clock)
            )
            self.main_loop = MainLoop(
                self._source, self.pipeline, states_of(self.config), clock=clock, supervisor=supervisor,
                reload=self.reload,
            )  # fmt: skip
            self._output = open_output(self._live)
            if self._output is not None:
                self._adapters[self._output] = SinkQueue(self._output, essential=True, name="output")
            self._adapt(self.config)
        except BaseException:
            self.close()
            if self._source is not None:
                self._source.close()
            raise

    def run(self, max_frames: int | None = None) -> int:
        """Work until the source ends, `max_frames` are done or the appliance is stopped; return how many were done."""
        try:
            return self.main_loop.run(max_frames)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of everything. Closing twice is safe."""
        until = self._clock.monotonic() + _CLOSE_TIMEOUT_S
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
        if new.source != old.source and not (self._live and is_live(source_name(new))):
            ours, theirs = showable(source_name(old)), showable(source_name(new))
            raise ConfigError(f"{theirs} cannot take the place of {ours} while it runs", hint="start it again")
        renewed = new.classifier_options() != old.classifier_options()
        if renewed and all(open_backend(config.delegate).exclusive for config in (old, new)):
            raise ConfigError(
                f"the backend in use ({old.delegate}) serves one model at a time",
                hint="start edge-cls again for another model or memory: sudo systemctl restart edge-cls",
            )
        classifier = open_classifier(new, make_memory=self._make_memory) if renewed else self.classifier
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
            self.main_loop.states = states_of(new, continue_from=self.main_loop.states)
        if new.limits != old.limits:
            self.pipeline.governor = governor_of(new, self._clock)
        if new.source != old.source and isinstance(self._source, Camera):
            self._source.opener = source_opener(new, self._clock)

    def _adapt(self, config: Config) -> None:
        """Close the adapters that `config` does not have, then open those that it has: they may be of the same pin."""
        sinks, command_sources = sinks_of(config), command_sources_of(config)
        wanted = [*sinks, *command_sources]
        for key in [key for key in self._adapters if key not in wanted and key is not self._output]:
            self._close_adapter(key, self._clock.monotonic() + _CLOSE_TIMEOUT_S)
        for sink in sinks:
            if sink not in self._adapters:
                self._adapters[sink] = SinkQueue(open_sink(sink), name=name_of(sink), clock=self._clock)
        for section in command_sources:
            if section not in self._adapters:
                command_source = open_command_source(section, self._clock)
                command_source.start(self.pipeline.snapshot, self.main_loop.submit)
                self._adapters[section] = command_source
        self.main_loop.sink_queues = [one for one in self._adapters.values() if isinstance(one, SinkQueue)]

    def _close_adapter(self, key: object, until: float) -> None:
        adapter = self._adapters.pop(key)
        if isinstance(adapter, SinkQueue):
            # Of a recording everything is told, however slow who reads it, unless somebody wants it to stop.
            cannot_wait = self._live or self.main_loop.stopping
            adapter.close(max(0.0, until - self._clock.monotonic()) if cannot_wait else None)
        else:
            adapter.close()
