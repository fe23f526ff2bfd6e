"""The sinks and command sources of a configuration, and of the next one after a reload."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_cls.app.factory import command_sources_of, name_of, open_command_source, open_sink, sinks_of
from edge_cls.config import Config
from edge_cls.runtime.ports import Clock, CommandSource, Sink
from edge_cls.runtime.sink_queue import SinkQueue

CLOSE_TIMEOUT_S = 1.0
"""Default of `close_timeout_s`, in seconds."""


class Adapters:
    """Opens the sinks and command sources of one configuration after the other, and closes those that went.

    All sinks together have `close_timeout_s` seconds to deliver the messages in their queues when they are closed,
    unless `can_wait` returns true: then a slow sink may take longer.
    """

    def __init__(self, *, can_wait: Callable[[], bool], close_timeout_s: float = CLOSE_TIMEOUT_S, clock: Clock) -> None:
        self._can_wait = can_wait
        self._close_timeout_s = close_timeout_s
        self._clock = clock
        self._output: SinkQueue | None = None
        self._sinks: dict[object, SinkQueue] = {}
        self._command_sources: dict[object, CommandSource] = {}

    @property
    def sinks(self) -> tuple[SinkQueue, ...]:
        """The open sinks."""
        return (*([] if self._output is None else [self._output]), *self._sinks.values())

    @property
    def command_sources(self) -> tuple[CommandSource, ...]:
        """The open command sources."""
        return tuple(self._command_sources.values())

    def add_output(self, output: Sink) -> None:
        """Add the sink for the terminal or pipe, which stays for every configuration. Its failure ends the run."""
        self._output = SinkQueue(output, essential=True, name="output")

    def open(self, config: Config) -> None:
        """Close the adapters that `config` does not have, then open the missing ones.

        In this order, because two of them may use the same pin. Raises whatever an adapter raises that cannot be
        opened; the ones before it are open then.
        """
        sinks, command_sources = sinks_of(config), command_sources_of(config)
        self._close(keep=[*sinks, *command_sources], until=self._deadline())
        for sink in sinks:
            if sink not in self._sinks:
                self._sinks[sink] = SinkQueue(open_sink(sink), name=name_of(sink), clock=self._clock)
        for section in command_sources:
            if section not in self._command_sources:
                self._command_sources[section] = open_command_source(section, self._clock)

    def close(self) -> None:
        """Close all adapters. Closing twice is safe. Raises the error that an essential sink failed with, once."""
        until = self._deadline()
        try:
            self._close(keep=[], until=until)
        finally:
            if self._output is not None:
                self._close_sink(self._output, until)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._close_timeout_s

    def _close(self, *, keep: Sequence[object], until: float) -> None:
        # Command sources first, so that no command is submitted whose result would not be published.
        for key in [key for key in self._command_sources if key not in keep]:
            self._command_sources.pop(key).close()
        for key in [key for key in reversed(self._sinks) if key not in keep]:
            self._close_sink(self._sinks.pop(key), until)

    def _close_sink(self, sink: SinkQueue, until: float) -> None:
        sink.close(None if self._can_wait() else max(0.0, until - self._clock.monotonic()))
