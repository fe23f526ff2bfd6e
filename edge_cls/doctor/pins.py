"""Checks of the pins: the device files, and the libraries that drive them."""

from __future__ import annotations

from pathlib import Path

from edge_cls.doctor.machine import Machine, numbers
from edge_cls.doctor.report import Check, Needs, fail, ok, warn

_BROKEN = (0, 2)
"""gpiozero needs lgpio 0.2 or newer; pip installs 0.0.0.2 if PyPI has no wheel of a newer version."""
_PACKAGES = ("python3-gpiozero", "python3-lgpio")


def check_pins(machine: Machine, needs: Needs) -> Check | None:
    """Check whether there are pins, and whether this user may use them. None if there are none and none are needed."""
    name = "gpio"
    chips = sorted((machine.root / "dev").glob("gpiochip*"))
    if not chips:
        if not needs.gpio and not machine.is_pi:
            return None
        report = fail if needs.gpio else warn
        return report(
            name, "no /dev/gpiochip* exists", "use a board with pins, or remove the pins from the configuration"
        )
    if not any(map(machine.may, chips)):
        hint = f"sudo usermod -aG gpio {machine.user}, and log in again"
        return (fail if needs.gpio else warn)(name, f"this user may not use /dev/{chips[0].name}", hint)
    return ok(name, ", ".join(f"/dev/{chip.name}" for chip in chips))


def check_pin_libraries(machine: Machine, needs: Needs) -> Check | None:
    """Check whether gpiozero and lgpio can be imported. None if no pins are used."""
    name = "gpio libraries"
    if not needs.gpio and not machine.is_pi:
        return None
    report = fail if needs.gpio else warn
    lgpio = machine.version("lgpio")
    hint = machine.apt_install(*_PACKAGES)
    missing = [module for module in ("gpiozero", "lgpio") if not machine.importable(module)]
    if lgpio is not None and numbers(lgpio) < _BROKEN:
        return report(name, f"lgpio {lgpio} is too old for gpiozero", f"{machine.pip} uninstall -y lgpio && {hint}")
    if missing:
        return report(name, f"this Python finds no {' and no '.join(missing)}", hint)
    child = machine.python_child("import gpiozero, lgpio")
    if child.status != 0:
        return report(name, f"gpiozero and lgpio cannot be imported: {child.last_line}", hint)
    return ok(name, f"gpiozero {machine.version('gpiozero') or ''}, lgpio {lgpio or ''}")


def check_pin_folder(machine: Machine, needs: Needs) -> Check | None:
    """Check whether lgpio can create its pipe, in the folder $LG_WD, or in the working directory if that is not set."""
    name = "lgpio folder"
    if not needs.gpio and not machine.is_pi:
        return None
    setting = machine.environ.get("LG_WD")
    folder = Path(setting) if setting else machine.folder
    if folder.is_dir() and machine.may(folder):
        return ok(name, str(folder))
    return (fail if needs.gpio else warn)(
        name,
        f"lgpio cannot create its pipe in {folder}{' (LG_WD)' if setting else ''}",
        "export LG_WD=/tmp",
    )
