"""Puts the service in place, takes it away, and asks how it is: files, and what systemctl does with them."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_cls.errors import ServiceError
from edge_cls.files import write_whole

UNIT = "edge-cls.service"
CONFIG = Path("etc/edge-cls/config.toml")
Call = Callable[..., str]
"""Runs a command, given as its words, and returns what it printed."""

_UNIT = Path("etc/systemd/system", UNIT)
_OVERRIDES = Path("etc/systemd/system", f"{UNIT}.d")
_USER = Path("etc/sysusers.d/edge-cls.conf")
_STATE = Path("var/lib/edge-cls")
_RUNNING = Path("/run/systemd/system")
_ASKED = (
    *("LoadState", "ActiveState", "SubState", "UnitFileState", "StatusText"),
    *("NRestarts", "MainPID", "Result", "WatchdogTimestamp"),
)


def call(*words: str) -> str:
    """Run a command of the system and return what it printed. Raises ServiceError with what it said."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, our words
    except FileNotFoundError:
        raise ServiceError(f"there is no {words[0]} here", hint="run this on a system with systemd") from None
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise ServiceError(f"{' '.join(words)}: {said}", hint="see: journalctl -b -p err")
    return done.stdout


def require_systemd() -> None:
    """Raise ServiceError where systemd does not run the system."""
    if not _RUNNING.is_dir():
        raise ServiceError(
            "systemd does not run this system",
            hint="let what starts services here start: edge-cls run --config /etc/edge-cls/config.toml",
        )


def install(*, unit: str, user: str, config: str, now: bool, root: Path = Path("/"), call: Call = call) -> bool:
    """Write unit, user and, where there is none, the configuration, and let systemd start the service at boot.

    With `now` it is started, or started anew, at once, unless nobody could say yet which camera it has. That is not
    waited for, as the camera may be long in coming. Returns whether `config` was written.
    Whoever wrote the configuration, the service may read it, and nobody else.
    """
    _write(root / _USER, user)
    call("systemd-sysusers", str(root / _USER))
    new = not (root / CONFIG).exists()
    if new:
        _write(root / CONFIG, config)
    # It may hold the password of a camera or of a broker; one that root keeps for itself the service could not read.
    call("chown", "root:edge-cls", str(root / CONFIG))
    (root / CONFIG).chmod(0o640)
    _write(root / _UNIT, unit)
    call("systemctl", "daemon-reload")
    call("systemctl", "enable", UNIT)
    if now and not new:
        call("systemctl", "restart", "--no-block", UNIT)
    return new


def uninstall(*, purge: bool, root: Path = Path("/"), call: Call = call) -> list[Path]:
    """Stop the service and take it away; with `purge` also its configuration, its state and its user.

    Returns what a purge has left: folders that links led to, which may hold what is not ours.
    """
    left = []
    if (root / _UNIT).exists():
        call("systemctl", "disable", "--now", UNIT)
        (root / _UNIT).unlink()
        call("systemctl", "daemon-reload")
    if purge:
        for folder in (root / _OVERRIDES, (root / CONFIG).parent, root / _STATE):
            if folder.is_symlink():
                left.append(folder.resolve())
                folder.unlink()
            elif folder.exists():
                _remove(folder)
        if (root / _USER).exists():
            call("userdel", "edge-cls")
            (root / _USER).unlink()
    return left


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())
    path.chmod(0o644)  # systemd and those who ask it read it, whatever root's umask


def _remove(folder: Path) -> None:
    """Remove `folder`. Where something is mounted, there or below, stays an empty folder."""
    problems: list[OSError] = []

    def note(_: object, __: object, error: Any) -> None:
        problems.append(error[1] if isinstance(error, tuple) else error)

    how: dict[str, Any] = {"onexc": note} if sys.version_info >= (3, 12) else {"onerror": note}
    shutil.rmtree(folder, **how)
    mounted = any(problem.errno == errno.EBUSY for problem in problems)
    for problem in problems:
        if not (mounted and problem.errno in (errno.EBUSY, errno.ENOTEMPTY)):
            raise problem


def show_log(*, lines: int, follow: bool) -> int:
    """Let journalctl show the log of the service, on our stdout, and return its exit code."""
    words = ["journalctl", f"--unit={UNIT}", f"--lines={lines}", *(["--follow"] if follow else [])]
    try:
        return subprocess.run(words, check=False).returncode  # noqa: S603 - no shell, our words
    except FileNotFoundError:
        raise ServiceError("there is no journalctl here", hint="run this on a system with systemd") from None


@dataclass(frozen=True)
class ServiceStatus:
    """How the service is, in systemd's words. `heard`: the last sign of life, in seconds since 1970."""

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
        """Whether it works: it may be reading its configuration again."""
        return self.active in ("active", "reloading")


def status(call: Call = call) -> ServiceStatus:
    """Ask systemd how the service is. One that is not installed has `load == "not-found"`."""
    lines = call("systemctl", "show", UNIT, "--timestamp=unix", f"--property={','.join(_ASKED)}").splitlines()
    said = dict.fromkeys(_ASKED, "") | dict(line.split("=", 1) for line in lines if "=" in line)
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
