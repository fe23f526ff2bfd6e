"""The frame rate: limited to a maximum, and reduced while the board is too hot or lacks voltage."""

from __future__ import annotations

from collections.abc import Callable

from edge_cls.hardware.thermal import HOT_C
from edge_cls.runtime.ports import Clock

_CHECK_S = 5.0
"""Seconds between two readings of the sensors: a processor takes longer to cool down."""
_COOLER_C = 5.0
"""Degrees Celsius below `hot_c` at which the frame rate is raised again."""
_CALM_S = 60.0
"""Seconds without under-voltage until the rate is raised: raised at once, the load would bring the problem back."""
_FLOOR_FPS = 1.0
"""Frames per second below which heat does not reduce the rate: one frame per second causes no heat."""


class FrameRateGovernor:
    """Decides which frames are classified, so that the frame rate stays within its limits. Used by one thread.

    `max_fps`: upper limit of the average rate in frames per second; None for no limit. From a temperature of `hot_c` °C
    the rate is halved every 5 s, down to one frame per second, and doubled again once the board is 5 °C cooler. It
    is also halved during an under-voltage and for a minute after it. If `temperature` returns None, heat does not
    reduce the rate. Raises ValueError if `max_fps` is not above 0.
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
        # When the count of classified frames began, the count, and the highest rate while it was not reduced.
        self._checked = clock.monotonic()
        self._accepted = 0
        self._fastest = _FLOOR_FPS
        self._halvings = 0
        self._undervoltage_until: float | None = None
        self._reason: str | None = None

    @property
    def fps(self) -> float | None:
        """The present limit in frames per second; None if there is none."""
        return self._fps

    @property
    def reason(self) -> str | None:
        """Why the rate is reduced, one line for a person; None if it is not."""
        return self._reason

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next frame is due, 0 if one is due at the monotonic time `now`."""
        return 0.0 if self._fps is None or self._next is None else max(0.0, self._next - now)

    def due(self, captured: float) -> bool:
        """Return whether the frame of the monotonic time `captured` is due; if so, it counts as classified."""
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

        The schedule continues from the time at which that frame was due, not from the time at which it came: a frame
        comes up to one period of the camera late, and a camera with 30 frames per second would otherwise give 10
        instead of 12. The schedule is never behind by more than one period, and restarts after a pause: missed frames
        are not made up for.
        """
        if self._next is None or captured > self._next + 2 * period:
            return captured + period
        return max(self._next + period, captured)

    def _check(self, now: float) -> None:
        """Read the sensors, and set the rate."""
        if not self._slowed:
            self._fastest = max(self._fastest, self._accepted / (now - self._checked))
        self._checked, self._accepted = now, 0
        degrees = self._temperature()
        if degrees is not None and degrees >= self._hot_c:
            self._halvings += self._halved(self._halvings) > self._halved(self._halvings + 1)
        elif self._halvings and (degrees is None or degrees <= self._hot_c - _COOLER_C):
            self._halvings -= 1
        if self._undervoltage():
            self._undervoltage_until = now + _CALM_S
        elif self._undervoltage_until is not None and now >= self._undervoltage_until:
            self._undervoltage_until = None
        weak = self._undervoltage_until is not None
        self._fps = self._halved(self._halvings + weak) if self._slowed else self._max_fps
        self._reason = self._describe(degrees) if self._slowed else None

    @property
    def _slowed(self) -> bool:
        return self._halvings > 0 or self._undervoltage_until is not None

    def _halved(self, times: int) -> float:
        """Return the unreduced rate, halved `times` times. That rate may be lower than the limit: of a slow board."""
        full = self._fastest if self._max_fps is None else min(self._max_fps, self._fastest)
        return max(min(_FLOOR_FPS, full), full * 0.5**times)

    def _describe(self, degrees: float | None) -> str:
        heat = ["too hot" if degrees is None else f"{degrees:.0f} °C"] if self._halvings else []
        power = ["the power supply gives too little voltage"] if self._undervoltage_until is not None else []
        fps = f"{round(self._fps or 0, 1):g}"
        return f"slowed to {fps} {'frame' if fps == '1' else 'frames'} a second: {' and '.join(heat + power)}"
