"""The feedback light: a sink that shows the result of a command by flashes.

| message                         | the light                                         |
|---------------------------------|---------------------------------------------------|
| accepted                        | on until the result follows, ten seconds at most  |
| stored                          | one long flash                                    |
| stored, "turn it"               | one long flash and two short ones, as a duplicate |
| stored, "teach the empty place" | one long flash and one short one                  |
| stored, "enough"                | two long flashes                                  |
| duplicate                       | two short flashes                                 |
| conflict                        | three flashes, neither short nor long             |
| refused                         | flickers                                          |

Every result begins with a dark moment, which separates it from "accepted". A newer message replaces an older one.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle

from edge_cls.hardware.gpio import claim_output
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Message
from edge_cls.runtime.ports import Clock

_LONG, _SHORT = (0.15, 1.0), (0.15, 0.15)
PATTERNS: Mapping[str, tuple[float, ...]] = {
    "accepted": (0.0, 10.0),
    "stored": _LONG,
    "turn": _LONG + _SHORT * 2,
    "background": _LONG + _SHORT,
    "enough": _LONG * 2,
    "duplicate": _SHORT * 2,
    "conflict": (0.15, 0.4) * 3,
    "refused": (0.05, 0.05) * 12,
}
"""Seconds dark, lit, dark, lit, and so on, by the kind of a result, or by the coach's advice on what was stored."""


def pattern_of(result: CommandResult) -> str:
    """Return the name of the pattern for a result: the advice on what was stored, otherwise its kind."""
    if result.kind == "stored" and result.advice is not None and result.advice in PATTERNS:
        return result.advice
    return result.kind


class Flasher:
    """Plays the patterns on a light that `switch` turns on and off. Times are seconds of any clock."""

    def __init__(self, switch: Callable[[bool], None]) -> None:
        self._switch = switch
        self._steps: Iterator[tuple[bool, float]] = iter(())
        self._due = math.inf

    def play(self, kind: str, now: float) -> None:
        """Begin the pattern of `kind`, and abandon the one that is being played."""
        self._steps = zip(cycle((False, True)), PATTERNS[kind])
        self._due = now
        self.advance(now)

    def due(self) -> float:
        """Return when `advance` will have something to do; infinite if no pattern is being played."""
        return self._due

    def advance(self, now: float) -> None:
        """Switch the light as due at `now`. If called late, the pattern lasts longer: no flash is left out."""
        while now >= self._due:
            lit, seconds = next(self._steps, (False, math.inf))
            self._switch(lit)
            self._due = now + seconds


class FeedbackLight:
    """A light at the BCM pin `pin` that shows accepted commands and the results of commands by the PATTERNS.

    A thread of its own plays the patterns, so that `publish` returns at once. Raises as `gpio.claim_output` does.
    """

    wants = (CommandAccepted, CommandResult)

    def __init__(self, pin: int, *, clock: Clock = time) -> None:
        self._clock = clock
        self._led = claim_output(pin)
        self._kinds: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None: the end
        self._thread = threading.Thread(target=self._play, name="feedback light", daemon=True)
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Begin to show `message`."""
        if isinstance(message, CommandResult):
            self._kinds.put(pattern_of(message))
        elif isinstance(message, CommandAccepted):
            self._kinds.put("accepted")

    def close(self) -> None:
        """Turn the light off and release the pin. Closing twice is safe."""
        self._kinds.put(None)
        self._thread.join()
        self._led.close()

    def _play(self) -> None:
        flasher = Flasher(lambda lit: self._led.on() if lit else self._led.off())
        while True:
            flasher.advance(self._clock.monotonic())
            due = flasher.due()
            try:
                kind = self._kinds.get(timeout=None if due == math.inf else max(0.0, due - self._clock.monotonic()))
            except queue.Empty:
                continue
            if kind is None:
                return
            flasher.play(kind, self._clock.monotonic())
