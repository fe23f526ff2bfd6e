"""The state of the service: the words that ask systemctl for it, and the parser of its answer."""

from __future__ import annotations

from dataclasses import dataclass

UNIT = "edge-cls.service"
_PROPERTIES = (
    *("LoadState", "ActiveState", "SubState", "UnitFileState", "StatusText"),
    *("NRestarts", "MainPID", "Result", "WatchdogTimestamp"),
)
SHOW = ("systemctl", "show", UNIT, "--timestamp=unix", f"--property={','.join(_PROPERTIES)}")
"""The command whose output `parse_status` reads."""


@dataclass(frozen=True)
class ServiceStatus:
    """The state of the service in systemd's words.

    `text` is the status line that the service last sent, `restarts` the number of automatic restarts, `pid` 0 if no
    process runs, and `heard` the time of the last watchdog notification, in seconds since 1970.
    """

    load: str
    active: str
    sub: str
    enabled: str
    text: str
    restarts: int
    pid: int
    result: str
    heard: int | None

    @property
    def is_active(self) -> bool:
        """True while the service works, also while it reads its configuration again."""
        return self.active in ("active", "reloading")


def parse_status(shown: str) -> ServiceStatus:
    """Return the status from the output of `SHOW`. A property that systemd does not report is "", 0 or None.

    A service that is not installed has `load == "not-found"`.
    """
    lines = (line.partition("=") for line in shown.splitlines())
    said = dict.fromkeys(_PROPERTIES, "") | {name: value for name, separator, value in lines if separator}
    heard = said["WatchdogTimestamp"].removeprefix("@")
    return ServiceStatus(
        load=said["LoadState"],
        active=said["ActiveState"],
        sub=said["SubState"],
        enabled=said["UnitFileState"],
        text=said["StatusText"],
        restarts=int(said["NRestarts"] or 0),
        pid=int(said["MainPID"] or 0),
        result=said["Result"],
        heard=int(heard) if heard.isdecimal() else None,
    )
