"""The composition root: the main loop with everything that a configuration names, and the way to the next one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from edge_cls.app.adapters import CLOSE_TIMEOUT_S, Adapters
from edge_cls.app.factory import (
    governor_of,
    open_classifier,
    source_name,
    source_opener,
    states_of,
)
from edge_cls.backends.backend import open_backend
from edge_cls.config import Config
from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError, EdgeClsError
from edge_cls.runtime.main_loop import MainLoop
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.ports import Clock, FrameSource, Sink, Supervisor
from edge_cls.runtime.reconnect import Camera
from edge_cls.sources.opening import is_live

log = logging.getLogger(__name__)


class Application:
    """A main loop as the configuration describes it, which `reading` reads at first and again at each reload.

    `open_output` returns the sink for the terminal or pipe, or None; its argument is whether the source is live. If
    the memory does not exist, `make_memory` creates it. At the end, the sinks of a camera have `close_timeout_s`
    seconds to deliver their last messages; those of a recording deliver all of them. Raises ConfigError, and every
    error that prevents a start: a source that does not exist, a model that fails its golden frames, a memory of another
    backbone.
    """

    def __init__(
        self,
        reading: Callable[[], Config],
        *,
        open_output: Callable[[bool], Sink | None],
        supervisor: Supervisor,
        make_memory: bool,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
        clock: Clock = time,
    ) -> None:
        self._reading = reading
        self._clock = clock
        self._make_memory = make_memory
        self.config = reading()
        self._live = is_live(source_name(self.config))
        self.classifier = open_classifier(self.config, make_memory=make_memory)
        self._adapters = Adapters(can_wait=self._can_wait, close_timeout_s=close_timeout_s, clock=clock)
        source: FrameSource | None = None
        try:
            open_camera = source_opener(self.config, clock)
            source = Camera(open_camera, clock=clock) if self._live else open_camera()
            parts = Parts(
                self.classifier,
                states_of(self.config),
                frame_rate=governor_of(self.config, clock),
                open_camera=open_camera if self._live else None,
            )
            self.main_loop = MainLoop(source, parts, clock=clock, supervisor=supervisor, reload=self.reload)
            if (output := open_output(self._live)) is not None:
                self._adapters.add_output(output)
            self._adapters.open(self.config)
            self._hand_over(parts)
        except BaseException:
            self.close()
            if source is not None:
                source.close()
            raise

    def run(self, max_frames: int | None = None) -> int:
        """Run until the source ends, `max_frames` are done or the main loop is stopped; return how many were done."""
        try:
            return self.main_loop.run(max_frames)
        finally:
            self.close()

    def close(self) -> None:
        """Close sinks, command sources and classifier. Closing twice is safe."""
        try:
            self._adapters.close()
        finally:
            self.classifier.close()

    def reload(self) -> str | None:
        """Read the configuration again and replace the parts that it changes; a wrong configuration changes nothing.

        The states and the evidence for the next one are kept. The source may become another camera, but a camera cannot
        become a recording. Returns why the configuration was refused, or None.
        """
        try:
            self._change_to(self._reading())
        except (EdgeClsError, OSError) as error:
            log.error("the new configuration is refused, the old one stays: %s", error)
            return f"the new configuration is refused: {error}"
        log.info("the configuration was read again")
        return None

    def _change_to(self, new: Config) -> None:
        old, before = self.config, self.classifier
        renewed = self._needs_other_classifier(new)
        classifier = open_classifier(new, make_memory=self._make_memory) if renewed else before
        try:
            self._adapters.open(new)
        except BaseException:
            if renewed:
                classifier.close()
            self._adapters.open(old)
            self._hand_over(self.main_loop.parts)
            raise
        self.config, self.classifier = new, classifier
        parts = replace(self.main_loop.parts, classifier=classifier)
        if new.states != old.states:
            parts = replace(parts, states=states_of(new, continue_from=parts.states))
        if new.limits != old.limits:
            parts = replace(parts, frame_rate=governor_of(new, self._clock))
        if new.source != old.source and self._live:
            parts = replace(parts, open_camera=source_opener(new, self._clock))
        self._hand_over(parts)
        if renewed:
            before.close()

    def _needs_other_classifier(self, new: Config) -> bool:
        """Return whether `new` needs another classifier. Raises ConfigError if a restart is needed for its changes."""
        old = self.config
        if new.source != old.source and not (self._live and is_live(source_name(new))):
            before, after = showable(source_name(old)), showable(source_name(new))
            raise ConfigError(f"{after} cannot take the place of {before} while it runs", hint="start it again")
        renewed = new.classifier_options() != old.classifier_options()
        if renewed and all(open_backend(config.delegate).exclusive for config in (old, new)):
            raise ConfigError(
                f"the backend in use ({old.delegate}) serves one model at a time",
                hint="start edge-cls again for another model or memory: sudo systemctl restart edge-cls",
            )
        return renewed

    def _hand_over(self, parts: Parts) -> None:
        """Give `parts`, with the open sinks and command sources, to the main loop."""
        adapters = self._adapters
        self.main_loop.replace(replace(parts, sinks=adapters.sinks, command_sources=adapters.command_sources))

    def _can_wait(self) -> bool:
        # All results of a recording are delivered, however slow their reader is, unless the run was stopped.
        return not self._live and not self.main_loop.stopping
