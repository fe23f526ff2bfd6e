"""A queue and a thread for each sink, so that a slow or failing sink delays nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Literal

from edge_cls.errors import EdgeClsError, one_line
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, Message, Result, Status
from edge_cls.runtime.ports import Clock, Sink

_log = logging.getLogger(__name__)
_DROP_ORDER: tuple[tuple[type, ...], ...] = ((Result,), (CommandAccepted,), (Status,), (Event, CommandResult))
"""The kinds of message that are dropped from a full queue: of the first group that has a message, the oldest one."""
_SLICE = 0.25


class SinkQueue:
    """Passes messages to `sink` in a thread of its own, in order, from a queue of at most `size` messages.

    `dropped` counts the messages for which the queue had no room, and `failures` those for which the sink raised an
    exception; they are lost, and the next message is tried normally. With `essential` the first failure is final:
    `offer` and `close` raise it. `problem` is one line from the first failed or dropped message until there was none
    for `calm_s` seconds: a sink that fails for every other message is one problem with two log lines, not thousands.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        size: int = 256,
        essential: bool = False,
        name: str = "",
        clock: Clock = time,
        calm_s: float = 60.0,
    ) -> None:
        self.dropped = 0
        self.failures = 0
        self._sink = sink
        self._wants = sink.wants
        self._size = size
        self._essential = essential
        self._name = name or type(sink).__name__
        self._clock = clock
        self._calm_s = calm_s
        self._changed = threading.Condition()
        self._queue: deque[Message] = deque()
        self._closing = self._wait_cancelled = False
        self._given_up: Exception | None = None
        self._problems: dict[Literal["fails", "slow"], str] = {}
        self._last_problem = 0.0
        self._lost_before = 0
        self._works = True
        self._thread = threading.Thread(target=self._work, name=f"sink {self._name}", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """The problem of the sink, one line that stays the same while the problem lasts; None if there is none."""
        with self._changed:
            return "; ".join(self._problems.values()) or None

    def offer(self, message: Message, *, wait: bool) -> None:
        """Queue `message` if the sink wants its kind.

        If the queue is full, another message is dropped for it, by _DROP_ORDER; with `wait` the call waits for room
        instead, until `cancel_wait`. Raises the error of an essential sink.
        """
        if not isinstance(message, self._wants):
            return
        with self._changed:
            while (
                wait
                and len(self._queue) >= self._size
                and not (self._wait_cancelled or self._closing or self._given_up)
            ):
                self._changed.wait()
            if self._given_up is not None:
                raise self._given_up
            news = None
            if self._closing:
                self.dropped += 1
            else:
                self._queue.append(message)
                if len(self._queue) > self._size:
                    news = self._drop()
                self._changed.notify_all()
        if news is not None and not wait:  # with `wait`, messages are dropped only because the run was stopped
            _log.warning("%s", news)

    def cancel_wait(self) -> None:
        """End all waiting, for room and in `close`, now and later. For any thread or a signal handler."""
        with self._changed:
            self._wait_cancelled = True
            self._changed.notify_all()

    def close(self, timeout_s: float | None) -> None:
        """Deliver the queued messages and close the sink, within `timeout_s` seconds; None: until `cancel_wait`.

        A sink that hangs is abandoned with its queue. Raises the error of an essential sink, once. Closing twice is
        safe.
        """
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        if timeout_s is None:
            while self._thread.is_alive() and not self._wait_cancelled:
                self._thread.join(_SLICE)
        else:
            self._thread.join(timeout_s)
        with self._changed:
            left = len(self._queue)
            self.dropped += left
            self._queue.clear()
            failure = self._given_up
        if self._thread.is_alive():
            _log.warning("sink %s did not finish in time; %d messages were dropped", self._name, left)
        elif self.failures or self.dropped:
            _log.info("sink %s lost %d messages and dropped %d in all", self._name, self.failures, self.dropped)
        if failure is not None:
            raise failure

    def _drop(self) -> str | None:
        """Drop one message, and return a line for the log if the problem is new."""
        for kinds in _DROP_ORDER:
            index = next((index for index, one in enumerate(self._queue) if isinstance(one, kinds)), None)
            if index is not None:
                del self._queue[index]
                break
        news = self._begin("slow", f"sink {self._name} is too slow, and messages are dropped")
        self.dropped += 1
        return news

    def _begin(self, kind: Literal["fails", "slow"], line: str) -> str | None:
        """Record a problem before it is counted, and return `line` if the problem is new."""
        if not self._problems:
            self._lost_before = self.dropped + self.failures
        self._last_problem = self._clock.monotonic()
        if kind in self._problems:
            return None
        self._problems[kind] = line
        return line

    def _work(self) -> None:
        while self._given_up is None:
            with self._changed:
                if not self._queue and not self._closing:
                    self._changed.wait(self._calm_left())
                message = self._queue.popleft() if self._queue else None
                if message is None and self._closing:
                    break
                self._changed.notify_all()
            if message is not None:
                self._guard(message)
            self._settle()
        self._guard(None)

    def _guard(self, message: Message | None) -> None:
        """Publish `message`, or close the sink if it is None, and record an exception."""
        try:
            if message is None:
                self._sink.close()
            else:
                self._sink.publish(message)
            self._works = True
        except Exception as error:  # noqa: BLE001 - a bug in one sink must not stop the others
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        expected = isinstance(error, (OSError, EdgeClsError))
        said = str(error) if expected else f"{type(error).__name__}: {error}"
        with self._changed:
            self._works = False
            news = self._begin("fails", f"sink {self._name} fails: {one_line(said)}")
            self.failures += 1
            if self._essential and self._given_up is None:
                self._given_up = error
                self._queue.clear()
            self._changed.notify_all()
        # The error of an essential sink is raised, and logged by the code that catches it.
        if news is not None and (not self._essential or not expected):
            _log.warning("%s", news, exc_info=None if expected else error)

    def _calm_left(self) -> float | None:
        """Return the seconds until the problem is over; None if there is none, or only the next message can end it."""
        if not self._problems or not self._works:
            return None
        return max(0.0, self._last_problem + self._calm_s - self._clock.monotonic())

    def _settle(self) -> None:
        """End the problem if the sink has worked for long enough."""
        with self._changed:
            if self._calm_left() != 0.0 or len(self._queue) >= self._size:
                return
            self._problems.clear()
            lost = self.dropped + self.failures - self._lost_before
        _log.info("sink %s works again; %d messages were lost", self._name, lost)
