"""What a check finds, and what the appliance needs of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """How bad it is: FAIL keeps the appliance from doing what it is set up for, or loses what it was taught."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Check:
    """One fact: what was `found`, and how to `hint` it, "" where there is nothing to."""

    name: str
    level: Level
    found: str
    hint: str = ""


@dataclass(frozen=True)
class Needs:
    """What the device is set up for. What it needs and lacks is a FAIL; what it merely could have is none.

    `v4l2`: the device file of its camera, absolute.
    """

    picamera2: bool = False
    v4l2: Path | None = None
    gpio: bool = False
    edge_tpu: bool = False
    model: Path | None = None
    labels: Path | None = None
    memory: Path | None = None


def ok(name: str, found: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(name, Level.OK, found)


def warn(name: str, found: str, hint: str) -> Check:
    """Return a check that found something to look after."""
    return Check(name, Level.WARN, found, hint)


def fail(name: str, found: str, hint: str) -> Check:
    """Return a check that found something that has to be mended."""
    return Check(name, Level.FAIL, found, hint)
