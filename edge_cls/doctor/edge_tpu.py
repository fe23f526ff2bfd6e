"""Checks of the Edge TPU: the device, this user's rights, the library."""

from __future__ import annotations

import re
from pathlib import Path

from edge_cls.backends.names import BACKENDS
from edge_cls.doctor.machine import Machine, numbers, text
from edge_cls.doctor.report import Check, Needs, fail, ok, warn

_USB = {("1a6e", "089a"), ("18d1", "9302")}
"""USB vendor and product of the accelerator, before its firmware is loaded and after."""
_PCI = ("0x1ac1", "0x089a")
"""PCI vendor and device."""
_REBUILT = re.compile(r"tf(\d+\.\d+)")
"""The TensorFlow version in the version of a rebuilt library. Google's own package was built for TensorFlow 2.5."""


def check_edge_tpu(machine: Machine, needs: Needs) -> Check | None:
    """Check that there is an Edge TPU that this user may use. None if there is none and none is needed."""
    name = "edge tpu"
    usb, pci, chips = _usb(machine), _pci(machine), sorted((machine.root / "dev").glob("apex_*"))
    if not usb and not pci and not chips:
        if needs.edge_tpu:
            return fail(name, "there is no Edge TPU", "plug it into a USB 3 port, and see: lsusb -d 1a6e: -d 18d1:")
        return None
    if pci and not chips:
        return fail(
            name,
            "an Edge TPU on PCIe has no /dev/apex_0: its driver is not loaded",
            "sudo apt install -y gasket-dkms && sudo modprobe apex",
        )
    if not all(map(machine.may, chips)):
        return fail(
            name,
            "this user may not use /dev/apex_*",
            f"sudo usermod -aG apex {machine.user}, and log in again",
        )
    if not all(map(machine.may, usb)):
        return fail(
            name,
            "this user may not use the Edge TPU at USB",
            f"sudo usermod -aG plugdev {machine.user}, log in again, and plug it in again",
        )
    return ok(name, " and ".join(filter(None, ("at USB" if usb else "", ", ".join(f"/dev/{c.name}" for c in chips)))))


def check_edge_tpu_library(machine: Machine, needs: Needs) -> Check | None:
    """Check that libedgetpu loads and fits the interpreter. None if there is no Edge TPU and none is needed."""
    name = "libedgetpu"
    if not (needs.edge_tpu or _usb(machine) or _pci(machine)):
        return None
    report = fail if needs.edge_tpu else warn
    row = BACKENDS["edgetpu"]
    child = machine.python_child(f"import ctypes; ctypes.CDLL({row.library!r})")
    if child.status != 0:
        return report(name, f"{row.library} cannot be loaded: {child.last_line}", row.install)
    version = _installed(machine)
    built_for = _REBUILT.search(version)
    predecessor = machine.version("tflite-runtime")
    newer = machine.version("ai-edge-litert") is not None or numbers(predecessor or "0") >= (2, 12)
    if version and newer and (built_for is None or numbers(built_for[1]) < (2, 12)):
        return report(
            name,
            f"libedgetpu {version} was built for older interpreters, and crashes with tflite-runtime 2.12 and newer",
            "install a libedgetpu that was built for TensorFlow 2.12 or newer (its version ends in tf2.NN)",
        )
    return ok(name, f"libedgetpu {version}".strip())


def _usb(machine: Machine) -> list[Path]:
    """Return the device files of the Edge TPUs at USB."""
    return [
        machine.root / "dev/bus/usb" / text(device / "busnum").zfill(3) / text(device / "devnum").zfill(3)
        for device in sorted((machine.root / "sys/bus/usb/devices").glob("*"))
        if (text(device / "idVendor"), text(device / "idProduct")) in _USB
    ]


def _pci(machine: Machine) -> bool:
    devices = (machine.root / "sys/bus/pci/devices").glob("*")
    return any((text(device / "vendor"), text(device / "device")) == _PCI for device in devices)


def _installed(machine: Machine) -> str:
    """Return the version of the Debian package of libedgetpu, "" if it was not installed as a package."""
    for package in machine.text("var/lib/dpkg/status").split("\n\n"):
        if re.search(r"(?m)^Package: libedgetpu1-", package) and (found := re.search(r"(?m)^Version: (.+)$", package)):
            return found[1]
    return ""
