"""A check of the service: whether systemd knows it, and how it is."""

from __future__ import annotations

from edge_cls.doctor.machine import Machine
from edge_cls.doctor.report import Check, Needs, fail, ok, warn

_UNIT = "edge-cls.service"
_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")

_ASKED = ("ActiveState", "SubState", "Result", "NRestarts", "StatusText", "UnitFileState")


def check_service(machine: Machine, _: Needs) -> Check:
    """Tell whether the service is installed, and runs."""
    name = "service"
    if not any((machine.root / folder / _UNIT).is_file() for folder in _FOLDERS):
        return ok(name, "not installed; what runs by itself is: sudo edge-cls service install")
    if not (machine.root / "run/systemd/system").is_dir():
        return warn(name, "installed, but systemd does not run here", "boot a system with systemd")
    child = machine.run(("systemctl", "show", _UNIT, f"--property={','.join(_ASKED)}"))
    state = dict(line.partition("=")[::2] for line in child.output.splitlines())
    if child.status != 0 or "ActiveState" not in state:
        return warn(name, f"installed, but systemd does not tell of it: {child.last_line}", f"systemctl status {_UNIT}")
    active, sub, result, times, says = (state.get(asked, "") for asked in _ASKED[:5])
    said = f"; it says: {says}" if says else ""
    see = f"sudo journalctl -u {_UNIT} -n 50 --no-pager"
    if active == "failed":
        return fail(name, f"failed ({result}){said}", see)
    if sub.startswith("auto-restart"):  # systemd 254 and newer tell apart auto-restart-queued
        return fail(name, f"ends again and again ({result}), started {times} times{said}", see)
    if active == "activating" and times not in ("", "0"):  # so looks most of a crash loop, and a camera that is missing
        return warn(name, f"is starting, restarted {times} times before{said}", see)
    if active == "inactive":
        return warn(name, "installed, not running", f"sudo systemctl enable --now {_UNIT}")
    if state.get("UnitFileState") == "disabled":
        return warn(name, "runs, but will not after the next start of the machine", f"sudo systemctl enable {_UNIT}")
    return ok(name, f"{active} ({sub}), restarted {times or 0} times{said}")
