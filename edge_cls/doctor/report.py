"""The result of a check, and what the configuration needs of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """Severity of a check. FAIL: the device cannot do its configured job, or will lose taught examples."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Check:
    """The result of one check: the `message` states the finding; the `hint` fixes it, "" if the level is OK."""

    name: str
    level: Level
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Needs:
    """What the configuration uses. A missing part is a FAIL if it is used, otherwise a WARN or no result at all.

    `v4l2` is the absolute path of the camera's device file.
    """

    picamera2: bool = False
    v4l2: Path | None = None
    gpio: bool = False
    edge_tpu: bool = False
    model: Path | None = None
    labels: Path | None = None
    memory: Path | None = None


def ok(name: str, message: str) -> Check:
    """Return a check that found no problem."""
    return Check(name, Level.OK, message)


def warn(name: str, message: str, hint: str) -> Check:
    """Return a check that found a problem that does not stop the device yet."""
    return Check(name, Level.WARN, message, hint)


def fail(name: str, message: str, hint: str) -> Check:
    """Return a check that found a problem that must be fixed."""
    return Check(name, Level.FAIL, message, hint)
