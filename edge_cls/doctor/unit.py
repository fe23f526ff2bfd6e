"""Check of the service: whether it is installed, and whether it runs."""

from __future__ import annotations

from edge_cls.doctor.machine import Machine
from edge_cls.doctor.report import Check, Needs, fail, ok, warn
from edge_cls.systemd.status import SHOW, UNIT, parse_status

_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")


def check_service(machine: Machine, _: Needs) -> Check:
    """Check whether the service is installed and running."""
    name = "service"
    if not any((machine.root / folder / UNIT).is_file() for folder in _FOLDERS):
        return ok(name, "not installed; to start edge-cls at every boot: sudo edge-cls service install")
    if not (machine.root / "run/systemd/system").is_dir():
        return warn(name, "installed, but systemd does not run this system", "boot a system that uses systemd")
    child = machine.run(SHOW)
    status = parse_status(child.output)
    if child.status != 0 or not status.active:
        return warn(
            name, f"installed, but systemctl does not report its state: {child.last_line}", f"systemctl status {UNIT}"
        )
    said = f"; status: {status.text}" if status.text else ""
    log = f"sudo journalctl -u {UNIT} -n 50 --no-pager"
    if status.active == "failed":
        return fail(name, f"failed ({status.result}){said}", log)
    if status.sub.startswith("auto-restart"):  # systemd 254 and newer also report auto-restart-queued
        return fail(name, f"crashes repeatedly ({status.result}), restarted {status.restarts} times{said}", log)
    # A restart loop is in this state for most of its time; so is a service whose camera is missing.
    if status.active == "activating" and status.restarts:
        return warn(name, f"starting, after {status.restarts} restarts{said}", log)
    if status.active == "inactive":
        return warn(name, "installed, not running", f"sudo systemctl enable --now {UNIT}")
    if status.enabled == "disabled":
        return warn(name, "running, but not started at boot", f"sudo systemctl enable {UNIT}")
    return ok(name, f"{status.active} ({status.sub}), restarted {status.restarts} times{said}")
