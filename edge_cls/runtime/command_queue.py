"""The commands that wait for the end of the current frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from edge_cls.runtime.channel import Channel
from edge_cls.runtime.commands import Outcome, execute
from edge_cls.runtime.ports import Command

MAX_QUEUED_COMMANDS = 16
"""Commands that wait for their execution; further ones are refused."""
MAX_QUEUED_REFUSALS = 256
"""Refused commands that wait for their outcome; the outcomes of older ones are dropped."""


class CommandQueue:
    """Takes commands from any thread, and executes them in one thread."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Channel, Command]] = deque()
        self._refused: deque[tuple[Channel, Command]] = deque(maxlen=MAX_QUEUED_REFUSALS)

    @property
    def full(self) -> bool:
        """Whether the next command will be refused."""
        return len(self._waiting) >= MAX_QUEUED_COMMANDS

    def put(self, command: Command, channel: Channel) -> None:
        """Queue `command`; it is refused if the queue is full."""
        if self.full:
            self._refused.append((channel, replace(command, frame=None)))
        else:
            self._waiting.append((channel, command))

    def execute(self) -> Iterator[tuple[Command, Outcome, Channel]]:
        """Execute the commands that wait now; those that come meanwhile wait for the next call, so that frames go on.

        Yields each command with its outcome after the commit.
        """
        for _ in range(len(self._waiting)):
            channel, command = self._waiting.popleft()
            yield command, execute(command, channel.classifier, channel.states.state), channel
        while self._refused:
            channel, command = self._refused.popleft()
            yield command, Outcome("refused", command.label, "too many commands at once"), channel
