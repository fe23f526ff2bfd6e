"""How hot the processor is, and whether the power supply keeps up: what the kernel tells in /sys."""

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
"""In the types of zones that are the processor's; others are of a battery, the radio or the Edge TPU."""
_PLAUSIBLE_C = (-40.0, 150.0)
"""What no living processor is outside of. Sensors that are off or broken tell such numbers."""


class Limit(enum.Flag):
    """What the firmware of a Raspberry Pi does about too little voltage or too much heat, as it numbers its flags."""

    NONE = 0
    UNDER_VOLTAGE = 1
    FREQUENCY_CAPPED = 2
    THROTTLED = 4
    SOFT_TEMPERATURE_LIMIT = 8


@dataclass(frozen=True)
class Throttled:
    """What is limited `now`, and what has `happened` since the board was started, or since the kernel last asked."""

    now: Limit
    happened: Limit


def temperature(root: Path = SYS) -> float | None:
    """Return the temperature of the processor in °C, the hottest of its sensors; None where there is none to be read.

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
    """Return what the firmware of a Raspberry Pi tells of voltage and heat; None where nothing is readable.

    Older kernels give all flags, newer ones only whether the voltage was too low within the last seconds. `root` stands
    for /sys.
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
    """Return whether the board has too little voltage now, as far as the kernel tells. `root` stands for /sys."""
    flags = throttled(root)
    return flags is not None and Limit.UNDER_VOLTAGE in flags.now


def _text(path: Path) -> str:
    """Return what stands in a file of /sys, "" where it cannot be read: it may vanish, or its driver may fail."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""


def _numbers(path: Path, base: int) -> Iterator[int]:
    """Give the number in a file of /sys, or nothing where none stands there."""
    try:
        yield int(_text(path), base)
    except ValueError:
        return
