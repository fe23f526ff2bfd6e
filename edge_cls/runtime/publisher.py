"""Publishes messages to the sinks, and the status to the supervisor as well."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Literal

from edge_cls.core.neighbour import Neighbour
from edge_cls.errors import one_line
from edge_cls.runtime.channel import Channel
from edge_cls.runtime.commands import Outcome
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, FrameInfo, Message, Status
from edge_cls.runtime.ports import Clock, Command, Supervisor
from edge_cls.runtime.reconnect import CameraState
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import Transition

log = logging.getLogger(__name__)


class Publisher:
    """Passes messages to `sinks`, and logs events and results of commands.

    `live`: whether a sink whose queue is full loses messages; otherwise publishing waits for it. Only `accepted` never
    waits: it may be called from any thread.
    """

    def __init__(self, sinks: tuple[SinkQueue, ...], *, live: bool, supervisor: Supervisor, clock: Clock) -> None:
        self.sinks = sinks
        self._live = live
        self._supervisor = supervisor
        self._clock = clock
        self._published: tuple[list[CameraState], tuple[str, ...]] | None = None

    def replace(self, sinks: tuple[SinkQueue, ...]) -> None:
        """Use other sinks from the next message on."""
        self.sinks = sinks

    def publish(self, message: Message) -> None:
        """Pass `message` to the sinks."""
        for sink in self.sinks:
            sink.offer(message, wait=not self._live)

    def event(
        self, transition: Transition, info: FrameInfo, latency: float, nearest: tuple[Neighbour, ...] = ()
    ) -> None:
        """Publish a change of state, which the frame `info` has decided, and the examples nearest to that frame."""
        log.info("%s %s (%.2f)", transition.kind, transition.label or transition.previous, transition.score)
        self.publish(Event(info, transition, latency, nearest))

    def accepted(self, command: Command, camera: str) -> None:
        """Publish that `command` waits for its execution. Returns at once."""
        message = CommandAccepted(command.action, command.label, command.origin, self._clock.time(), camera)
        for sink in self.sinks:
            sink.offer(message, wait=False)

    def result(self, command: Command, outcome: Outcome, camera: str) -> None:
        """Publish the outcome of `command`, after the commit."""
        kind, label, detail, origin = outcome.kind, outcome.label, outcome.detail, command.origin
        log.info("%s: %s, %s (%s)", command.action, kind, one_line(detail), one_line(origin))
        self.publish(
            CommandResult(command.action, kind, label, detail, origin, self._clock.time(), camera, outcome.advice)
        )

    def status(self, channels: Sequence[Channel], problems: Iterable[str | None]) -> None:
        """Publish the status of each channel and notify the supervisor, if anything has changed.

        `problems`: all problems besides those of the cameras, one line each; None stands for no problem.
        """
        conditions, lines = [channel.condition for channel in channels], self._lines(problems)
        if self._published == (conditions, lines):
            return
        self._published = conditions, lines
        statuses = [
            self._status(channel, condition.kind, condition.detail, lines)
            for channel, condition in zip(channels, conditions, strict=True)
        ]
        cameras = [f"{status.camera}: {status.detail}" for status in statuses]
        self._supervisor.status("; ".join([*cameras, *lines]))
        for status in statuses:
            self.publish(status)

    def repeat_status(self) -> None:
        """Make the next `status` publish even if nothing has changed."""
        self._published = None

    def end(self, channels: Sequence[Channel], problems: Iterable[str | None], detail: str) -> None:
        """Publish the last status of each channel: the run has ended, for the reason `detail`."""
        lines = self._lines(problems)
        for channel in channels:
            self.publish(self._status(channel, "ended", detail, lines))

    def _lines(self, problems: Iterable[str | None]) -> tuple[str, ...]:
        own = (sink.problem for sink in self.sinks)
        return tuple(problem for problem in (*problems, *own) if problem)

    def _status(
        self,
        channel: Channel,
        kind: Literal["opening", "running", "down", "ended"],
        detail: str,
        problems: tuple[str, ...],
    ) -> Status:
        return Status(self._clock.time(), kind, detail, channel.states.state, problems, channel.camera)
