"""Checks of the health of a device: temperature, supply voltage, disk space, wear and clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from edge_cls.doctor.machine import Machine, text
from edge_cls.doctor.report import Check, Needs, fail, ok, warn
from edge_cls.hardware.thermal import HOT_C, Limit, temperature, throttled

_STATE = Path("/var/lib/edge-cls")
_LOW_SPACE, _NO_SPACE = 500 * 2**20, 50 * 2**20
"""Free bytes on the disk below which the check warns, and below which it fails."""
_NEARLY_WORN, _WORN_OUT = 9, 11
"""Estimated use of an eMMC's life from which on the check warns or fails: 9 is 80 to 90 %, 11 is more than 100 %."""
_COOLING = "give it a heat sink, a fan, or more air"
_REPLACE = "back up the memory (edge-cls memory backup), and replace it"
_POWER = "use the official power supply of the board, and a short cable"


def check_temperature(machine: Machine, _: Needs) -> Check | None:
    """Check the temperature of the processor. None if no sensor is readable."""
    degrees = temperature(machine.root / "sys")
    if degrees is None:
        return None
    if degrees >= HOT_C:
        return warn("temperature", f"{degrees:.0f} °C: the board reduces its clock rate", _COOLING)
    return ok("temperature", f"{degrees:.0f} °C")


def check_power(machine: Machine, _: Needs) -> Check | None:
    """Check a Raspberry Pi for low voltage and for throttling. None if the kernel does not report them."""
    name = "power"
    flags = throttled(machine.root / "sys")
    if flags is None:
        return None
    if Limit.UNDER_VOLTAGE in flags.now:
        return fail(name, "the voltage is too low now", _POWER)
    if Limit.UNDER_VOLTAGE in flags.happened:
        return warn(name, "the voltage has been too low since the last start", _POWER)
    if flags.now or flags.happened:
        when = "is" if flags.now else "has been"
        return warn(name, f"the processor {when} throttled by the firmware", _COOLING)
    return ok(name, "the voltage is sufficient")


def check_disk(machine: Machine, needs: Needs) -> Check:
    """Check whether the disk of the memory has free space and can be written."""
    name = "disk"
    folder = _existing(machine.root / (needs.memory.absolute().parent if needs.memory else _STATE).relative_to("/"))
    free, total = machine.free(folder)
    shown = str(Path("/") / folder.relative_to(machine.root))
    found = f"{free / 2**30:.1f} of {total / 2**30:.1f} GB are free at {shown}"
    place, kind, options = _mount(machine, shown)
    if "ro" in options:
        report = fail if needs.memory else warn
        hint = f"sudo mount -o remount,rw {place}"
        return report(name, f"{shown} is mounted read-only: taught examples cannot be stored", hint)
    if kind == "overlay" and machine.is_pi:
        hint = "sudo raspi-config nonint disable_overlayfs && sudo reboot"
        return warn(name, f"{shown} is an overlay: taught examples are lost when the board is switched off", hint)
    if free < _LOW_SPACE:
        return (fail if free < _NO_SPACE else warn)(name, found, "sudo apt clean && sudo journalctl --vacuum-size=50M")
    return ok(name, found)


def check_wear(machine: Machine, _: Needs) -> Check | None:
    """Check the file system for errors, and the eMMC for wear. None if neither is known."""
    name = "wear"
    for errors in sorted((machine.root / "sys/fs/ext4").glob("*/errors_count")):
        if (count := text(errors)) not in ("", "0"):
            return fail(
                name,
                f"the file system on {errors.parent.name} has {count} errors",
                "back up the memory (edge-cls memory backup), and restart with fsck.mode=force in cmdline.txt",
            )
    cards = []
    for card in sorted((machine.root / "sys/block").glob("mmcblk[0-9]")):
        device = card / "device"
        life = max((_hexadecimal(part) for part in text(device / "life_time").split()), default=0)
        reserve = _hexadecimal(text(device / "pre_eol_info"))
        kind = "eMMC" if text(device / "type") == "MMC" else "SD card"
        found = f"{kind} {text(device / 'name')} ({card.name})"
        if life >= _WORN_OUT or reserve == 3:
            return fail(name, f"{found} has exceeded its rated life", _REPLACE)
        if life >= _NEARLY_WORN or reserve == 2:
            return warn(name, f"{found} is nearly worn out", _REPLACE)
        used = f"has used at most {life * 10} % of its rated life" if life else "does not report its wear"
        cards.append(f"{found} {used}")
    return ok(name, ", ".join(cards)) if cards else None


def check_clock(machine: Machine, _: Needs) -> Check:
    """Check the clock, whose time events and taught examples record."""
    name = "clock"
    now = datetime.fromtimestamp(machine.now, UTC)
    found = f"{now:%Y-%m-%d %H:%M} UTC"
    hint = "sudo timedatectl set-ntp true, then: timedatectl"
    if now.year < 2025:
        return warn(name, f"{found} is in the past: the clock was never set", hint)
    if (machine.root / "run/systemd/timesync/synchronized").exists():
        return ok(name, f"{found}, synchronised")
    off = machine.clock_off()
    if off:
        return warn(name, f"{found}, but not synchronised with a time server", hint)
    return ok(name, f"{found}, synchronised" if off is False else found)


def _existing(folder: Path) -> Path:
    """Return `folder`, or the nearest folder above it that exists."""
    while not os.path.exists(folder) and folder != folder.parent:  # noqa: PTH110 - unlike Path.exists it does not raise
        folder = folder.parent
    return folder


def _mount(machine: Machine, folder: str) -> tuple[str, str, list[str]]:
    """Return the mount point, the type and the options of the file system that `folder` is on."""
    found = ("", "", "")
    for line in machine.text("proc/self/mounts").splitlines():
        _, place, kind, options, *_ = [*line.split(), "", "", "", ""]
        # The innermost mount counts, and of several at one place the last.
        if f"{folder}/".startswith(f"{place.rstrip('/')}/") and len(place) >= len(found[0]):
            found = place, kind, options
    place, kind, options = found
    return place, kind, options.split(",")


def _hexadecimal(digits: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        return 0
