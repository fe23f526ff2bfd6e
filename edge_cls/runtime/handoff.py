"""The hand-over of one item between two threads: the newest item wins, or every item is waited for."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """Holds at most one item between a thread that puts and a thread that takes.

    `put` replaces an item that has not been taken yet; with `wait` it waits until the item has been taken instead.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._woken = False
        self.closed = False

    @property
    def exhausted(self) -> bool:
        """Whether no item is left and none will come."""
        with self._changed:
            return self.closed and self._item is None

    def put(self, item: T, *, wait: bool) -> T | None:
        """Hand over `item`. Returns the item that it replaced, or `item` itself if the hand-over is closed."""
        with self._changed:
            while wait and self._item is not None and not self.closed:
                self._changed.wait()
            if self.closed:
                return item
            replaced, self._item = self._item, item
            self._changed.notify_all()
            return replaced

    def take(self, timeout: float | None = None) -> T | None:
        """Wait for the item and return it; None after `timeout` seconds, once woken, or once closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self.closed or self._woken, timeout)
            self._woken = False
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def wake(self) -> None:
        """Make the current or the next `take` return at once, with an item or without."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Announce that no more items will be put, or that none are wanted."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
