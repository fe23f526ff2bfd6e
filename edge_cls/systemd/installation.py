"""Installs and removes the service: writes its files and calls systemctl."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_cls.errors import ServiceError
from edge_cls.files import write_whole
from edge_cls.systemd.status import SHOW, UNIT, ServiceStatus, parse_status

CONFIG = Path("etc/edge-cls/config.toml")
Call = Callable[..., str]
"""Runs a command, given as separate words, and returns its output."""

_UNIT = Path("etc/systemd/system", UNIT)
_OVERRIDES = Path("etc/systemd/system", f"{UNIT}.d")
_USER = Path("etc/sysusers.d/edge-cls.conf")
_STATE = Path("var/lib/edge-cls")
_RUNNING = Path("/run/systemd/system")


def call(*words: str) -> str:
    """Run a system command and return its output. Raises ServiceError, with the command's stderr, if it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, our words
    except FileNotFoundError:
        raise ServiceError(f"{words[0]} is not installed", hint="run this on a system with systemd") from None
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise ServiceError(f"{' '.join(words)}: {said}", hint="see: journalctl -b -p err")
    return done.stdout


def require_systemd() -> None:
    """Raise ServiceError if this system was not booted with systemd."""
    if not _RUNNING.is_dir():
        raise ServiceError(
            "systemd does not run this system",
            hint="let this system's service manager run: edge-cls run --config /etc/edge-cls/config.toml",
        )


def install(
    *,
    unit: str,
    user: str,
    config: str,
    prepare: Callable[[Path], None],
    now: bool,
    root: Path = Path("/"),
    call: Call = call,
) -> bool:
    """Write the unit and its user, and enable the service at boot. Write `config` if there is no configuration yet.

    `prepare` is called with the folder of the service's state, which exists, before the service is enabled. If `now` is
    true the service is also started or restarted, unless the configuration is new and names no camera yet. The call
    does not wait for the start, which lasts until the camera delivers a frame. Returns whether `config` was written. In
    any case root owns the configuration and the service, but no other user, may read it.
    """
    _write(root / _USER, user)
    call("systemd-sysusers", str(root / _USER))
    new = not (root / CONFIG).exists()
    if new:
        _write(root / CONFIG, config)
    # It may contain the password of a camera or broker, so others may not read it. The service must be able to.
    call("chown", "root:edge-cls", str(root / CONFIG))
    (root / CONFIG).chmod(0o640)
    # As systemd does it at the first start.
    call("install", "--directory", "--owner=edge-cls", "--group=edge-cls", "--mode=0750", str(root / _STATE))
    prepare(root / _STATE)
    _write(root / _UNIT, unit)
    call("systemctl", "daemon-reload")
    call("systemctl", "enable", UNIT)
    if now and not new:
        call("systemctl", "restart", "--no-block", UNIT)
    return new


def uninstall(*, purge: bool, root: Path = Path("/"), call: Call = call) -> list[Path]:
    """Stop and remove the service; if `purge` is true, also its configuration, its state and its user.

    Returns the folders that a purge leaves in place: the targets of symbolic links, which may hold other files.
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


def status(call: Call = call) -> ServiceStatus:
    """Ask systemd for the state of the service. Raises ServiceError if systemctl fails."""
    return parse_status(call(*SHOW))


def show_log(*, lines: int, follow: bool) -> int:
    """Run journalctl for the service, with our stdout, and return its exit code."""
    words = ["journalctl", f"--unit={UNIT}", f"--lines={lines}", *(["--follow"] if follow else [])]
    try:
        return subprocess.run(words, check=False).returncode  # noqa: S603 - no shell, our words
    except FileNotFoundError:
        raise ServiceError("journalctl is not installed", hint="run this on a system with systemd") from None


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())
    path.chmod(0o644)  # systemd and other users read it, so root's umask must not apply


def _remove(folder: Path) -> None:
    """Remove `folder`. A mount point, `folder` itself or one below it, stays as an empty folder."""
    problems: list[OSError] = []

    def note(_: object, __: object, error: Any) -> None:
        problems.append(error[1] if isinstance(error, tuple) else error)

    how: dict[str, Any] = {"onexc": note} if sys.version_info >= (3, 12) else {"onerror": note}
    shutil.rmtree(folder, **how)
    mounted = any(problem.errno == errno.EBUSY for problem in problems)
    for problem in problems:
        if not (mounted and problem.errno in (errno.EBUSY, errno.ENOTEMPTY)):
            raise problem
