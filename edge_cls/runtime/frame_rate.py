"""How many frames a second: as many as were asked for, fewer while the board is too hot or lacks voltage."""

from __future__ import annotations

from collections.abc import Callable

from edge_cls.hardware.thermal import HOT_C
from edge_cls.runtime.ports import Clock

_CHECK_S = 5.0
"""The sensors are asked so often: a processor takes longer to cool."""
_COOLER_C = 5.0
"""So far below `hot_c` the rate is raised again."""
_CALM_S = 60.0
"""So long after the last under-voltage: halving the rate cures it, and raising it at once would bring it back."""
_FLOOR_FPS = 1.0
"""No heat slows below this: a classifier at a frame a second warms nothing."""


class FrameRateGovernor:
    """Decides which frames of a live source are worth the work. Asks no thread to wait; used by one.

    `max_fps`: the long-run rate is no higher; None: as fast as it goes. From `hot_c` (°C) on the rate is halved every
    few seconds, down to one frame a second, and doubled again once it is 5 °C cooler; it is halved too while
    `undervoltage` and a minute after. `temperature` may return None: then heat slows nothing. Raises ValueError for a
    `max_fps` that is not above 0.
    """

    def __init__(
        self,
        *,
        max_fps: float | None,
        hot_c: float = HOT_C,
        clock: Clock,
        temperature: Callable[[], float | None],
        undervoltage: Callable[[], bool],
    ) -> None:
        if max_fps is not None and not max_fps > 0:
            raise ValueError(f"max_fps is {max_fps}, not above 0")
        self._max_fps = max_fps
        self._hot_c = hot_c
        self._clock = clock
        self._temperature = temperature
        self._undervoltage = undervoltage
        self._fps = max_fps
        self._next: float | None = None
        # Since when the classified frames are counted, and the most there were of them in a second, unslowed.
        self._checked = clock.monotonic()
        self._accepted = 0
        self._fastest = _FLOOR_FPS
        self._halvings = 0
        self._weak_until: float | None = None
        self._reason: str | None = None

    @property
    def fps(self) -> float | None:
        """The rate that is held now, in frames a second; None: as fast as it goes."""
        return self._fps

    @property
    def reason(self) -> str | None:
        """Why it is slower than was asked for, one line for a person; None while it is not."""
        return self._reason

    def wait_s(self, now: float) -> float:
        """Return in how many seconds the next frame is due, 0 where one is. `now` is monotonic."""
        return 0.0 if self._fps is None or self._next is None else max(0.0, self._next - now)

    def due(self, captured: float) -> bool:
        """Return whether the frame of that (monotonic) time is to be classified; if so, it counts as classified."""
        if (now := self._clock.monotonic()) >= self._checked + _CHECK_S:
            self._check(now)
        if self._fps is not None:
            if self._next is not None and captured < self._next:
                return False
            self._next = self._after(captured, 1 / self._fps)
        self._accepted += 1
        return True

    def _after(self, captured: float, period: float) -> float:
        """Return when the frame after the one of `captured` is due.

        The schedule goes on from when that one was due, not from when it came: otherwise a camera of 30 frames a second
        would give 10 instead of 12, as a frame comes up to a camera's period late. It is never behind by more than a
        period, and after a pause it begins anew: what was missed is not made up for.
        """
        if self._next is None or captured > self._next + 2 * period:
            return captured + period
        return max(self._next + period, captured)

    def _check(self, now: float) -> None:
        """Ask the sensors, and set the rate."""
        if not self._slowed:
            self._fastest = max(self._fastest, self._accepted / (now - self._checked))
        self._checked, self._accepted = now, 0
        degrees = self._temperature()
        if degrees is not None and degrees >= self._hot_c:
            self._halvings += self._halved(self._halvings) > self._halved(self._halvings + 1)
        elif self._halvings and (degrees is None or degrees <= self._hot_c - _COOLER_C):
            self._halvings -= 1
        if self._undervoltage():
            self._weak_until = now + _CALM_S
        elif self._weak_until is not None and now >= self._weak_until:
            self._weak_until = None
        weak = self._weak_until is not None
        self._fps = self._halved(self._halvings + weak) if self._slowed else self._max_fps
        self._reason = self._told(degrees) if self._slowed else None

    @property
    def _slowed(self) -> bool:
        return self._halvings > 0 or self._weak_until is not None

    def _halved(self, times: int) -> float:
        """Return what it does unslowed, which may be less than what it may do, halved so many times."""
        full = self._fastest if self._max_fps is None else min(self._max_fps, self._fastest)
        return max(min(_FLOOR_FPS, full), full * 0.5**times)

    def _told(self, degrees: float | None) -> str:
        heat = ["too hot" if degrees is None else f"{degrees:.0f} °C"] if self._halvings else []
        power = ["the power supply gives too little voltage"] if self._weak_until is not None else []
        fps = f"{round(self._fps or 0, 1):g}"
        return f"slowed to {fps} {'frame' if fps == '1' else 'frames'} a second: {' and '.join(heat + power)}"
