"""Mock pins whose changes tests can wait for."""

from __future__ import annotations

import queue

from gpiozero.pins.mock import MockPin


class WatchedPin(MockPin):  # type: ignore[misc] # gpiozero is untyped
    """A mock pin that puts every change of its state into `changes`."""

    def __init__(self, *arguments: object) -> None:
        self.changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        super().__init__(*arguments)

    def _change_state(self, value: bool) -> bool:
        changed: bool = super()._change_state(value)
        if changed:
            self.changes.put(value)
        return changed
