"""Temperature and supply voltage of the board, as the kernel reports them in /sys."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
HOT_C = 80.0
"""Temperature in °C from which on a Raspberry Pi's firmware slows its processor down."""

_PROCESSOR = re.compile(r"cpu|soc|core|pkg|bcm2\d|imx", re.IGNORECASE)
"""Matches the types of the processor's thermal zones; other zones belong to a battery, the radio or the Edge TPU."""
_PLAUSIBLE_C = (-40.0, 150.0)
"""Range of plausible readings in °C. Sensors that are off or broken report values outside it."""


class Limit(enum.Flag):
    """Measures of a Raspberry Pi's firmware against low voltage and heat; the values are its own flags."""

    NONE = 0
    UNDER_VOLTAGE = 1
    FREQUENCY_CAPPED = 2
    THROTTLED = 4
    SOFT_TEMPERATURE_LIMIT = 8


@dataclass(frozen=True)
class Throttled:
    """The limits in force `now`, and those that `happened` since the start, or since the kernel last polled them."""

    now: Limit
    happened: Limit


def temperature(root: Path = SYS) -> float | None:
    """Return the temperature of the processor in °C, from its hottest sensor; None if no sensor is readable.

    `root` stands for /sys.
    """
    celsius = [
        millidegrees / 1000
        for zone in sorted(root.glob("class/thermal/thermal_zone*"))
        if _PROCESSOR.search(_text(zone / "type"))
        for millidegrees in _numbers(zone / "temp", 10)
    ]
    lowest, highest = _PLAUSIBLE_C
    return max((degrees for degrees in celsius if lowest < degrees < highest), default=None)


def throttled(root: Path = SYS) -> Throttled | None:
    """Return the limits of a Raspberry Pi's firmware; None if there is nothing to read.

    Older kernels report all flags, newer ones only whether the voltage was too low within the last seconds. `root`
    stands for /sys.
    """
    # On a Pi 5 the folders are called soc@107c000000.
    for path in sorted(root.glob("devices/platform/soc*/soc*:firmware/get_throttled")):
        for flags in _numbers(path, 16):
            return Throttled(Limit(flags & 0xF), Limit(flags >> 16 & 0xF))
    for path in sorted(root.glob("class/hwmon/hwmon*/in0_lcrit_alarm")):
        if _text(path.with_name("name")) == "rpi_volt":
            for alarm in _numbers(path, 10):
                limit = Limit.UNDER_VOLTAGE if alarm else Limit.NONE
                return Throttled(limit, limit)
    return None


def under_voltage(root: Path = SYS) -> bool:
    """Return whether the kernel reports that the voltage is too low now. `root` stands for /sys."""
    flags = throttled(root)
    return flags is not None and Limit.UNDER_VOLTAGE in flags.now


def _text(path: Path) -> str:
    """Return the content of a file of /sys; "" if it cannot be read, because it has vanished or its driver fails."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""


def _numbers(path: Path, base: int) -> Iterator[int]:
    """Yield the number in a file of /sys, or nothing if it contains none."""
    try:
        yield int(_text(path), base)
    except ValueError:
        return
