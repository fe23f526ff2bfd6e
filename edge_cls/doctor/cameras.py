"""Checks of cameras: those on the ribbon cable, which need picamera2, and USB cameras."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge_cls.doctor.machine import Machine, text
from edge_cls.doctor.report import Check, Needs, fail, ok, warn

_APT = "usr/lib/python3/dist-packages"
_NEW_VENV = "make a venv: /usr/bin/python3 -m venv --system-site-packages DIR, and install edge-cls there"
_LIST = """
import json
from picamera2 import Picamera2
print("cameras", json.dumps([[camera["Model"], camera["Id"]] for camera in Picamera2.global_camera_info()]))
"""


def check_picamera2(machine: Machine, needs: Needs) -> Check:
    """Check whether picamera2 is installed, and whether this Python can import it."""
    name = "picamera2"
    if machine.importable("picamera2"):
        return ok(name, f"picamera2 {machine.version('picamera2') or ''}".strip())
    if not (machine.root / _APT / "picamera2").is_dir():
        if needs.picamera2 or machine.is_pi:
            report = fail if needs.picamera2 else warn
            return report(name, "picamera2 is not installed", machine.apt_install("python3-picamera2"))
        return ok(name, "not installed; only cameras on the ribbon cable of a Raspberry Pi need it")
    report = fail if needs.picamera2 or machine.is_pi else warn
    theirs = _system_python(machine)
    if theirs is not None and theirs != machine.python:
        found = f"apt's picamera2 is for Python {_dotted(theirs)}, and this is {_dotted(machine.python)}"
        if machine.in_venv:  # otherwise --clear could empty a system folder: /usr/local is a prefix too
            hint = f"/usr/bin/python3 -m venv --clear --system-site-packages {machine.prefix}"
            return report(name, found, f"{hint}, and install edge-cls there")
        return report(name, found, _NEW_VENV)
    if machine.show_apt_packages:
        return report(name, "apt's picamera2 is not visible from this venv", machine.show_apt_packages)
    return report(name, "apt's picamera2 is not visible from this Python", _NEW_VENV)


def check_ribbon_cameras(machine: Machine, needs: Needs) -> Check | None:
    """Check which cameras libcamera finds. None without picamera2, which has a check of its own."""
    name = "cameras"
    if not machine.importable("picamera2"):
        return None
    child = machine.python_child(_LIST)
    if child.status is None:
        return fail(
            name,
            "libcamera does not respond: another process uses the camera, or its driver hangs",
            "stop the other process (sudo fuser -v /dev/media* /dev/video*), or: sudo reboot",
        )
    answer = [line for line in child.output.splitlines() if line.startswith("cameras ")]
    if child.status != 0 or not answer:
        hint = "sudo apt install --reinstall -y python3-picamera2 python3-libcamera"
        if "numpy.dtype size changed" in child.errors:  # apt's libraries are built against apt's numpy
            hint = f"{machine.pip} install 'numpy<2'"
        return fail(name, f"picamera2 does not work: {child.last_line}", hint)
    cameras = [f"{model} ({identity})" for model, identity in json.loads(answer[-1].removeprefix("cameras "))]
    if cameras:
        return ok(name, ", ".join(cameras))
    hint = "switch off, reseat the ribbon cable, contacts towards the board, then: rpicam-hello --list-cameras"
    return (fail if needs.picamera2 else warn)(name, "libcamera finds no camera", hint)


def check_usb_cameras(machine: Machine, needs: Needs) -> Check | None:
    """Check which USB cameras there are, and whether this user may use them."""
    name = "usb cameras"
    cameras: dict[Path, str] = {}
    metadata = set()
    for entry in sorted((machine.root / "sys/class/video4linux").glob("video*")):
        # The codecs and the image processor of a Pi are video devices as well.
        if Path(os.path.realpath(entry / "device/subsystem")).name == "usb":
            device = machine.root / "dev" / entry.name
            if int(text(entry / "index") or 0) % 2:  # each capture device is followed by one for metadata
                metadata.add(device)
            else:
                cameras[device] = text(entry / "name") or "a camera"
    if needs.v4l2 is not None:
        device = machine.root / needs.v4l2.relative_to("/")
        target = Path(os.path.realpath(device))
        if not device.exists():
            found = f"found {_listed(cameras)}" if cameras else "no USB camera was found"
            hint = "plug it in, then: lsusb; v4l2-ctl --list-devices"
            return fail(name, f"{needs.v4l2} does not exist; {found}", hint)
        if target in metadata:
            found = f"{needs.v4l2} is a metadata device of a camera, and delivers no images"
            return fail(name, found, f"use a capture device: {_listed(cameras)}")
        cameras.setdefault(target, "a camera that is not on USB")
    if not cameras:
        return None
    found = _listed(cameras)
    if not all(map(machine.may, cameras)):
        return fail(
            name,
            f"{found}: this user may not use all of these",
            f"sudo usermod -aG video {machine.user}, and log in again",
        )
    return ok(name, found)


def _listed(cameras: Mapping[Path, str]) -> str:
    return ", ".join(f"{camera} (/dev/{path.name})" for path, camera in cameras.items())


def _system_python(machine: Machine) -> tuple[int, int] | None:
    """Return the version of /usr/bin/python3, from the target of the link."""
    target = Path(os.path.realpath(machine.root / "usr/bin/python3")).name
    match = re.fullmatch(r"python(\d+)\.(\d+)", target)
    return (int(match[1]), int(match[2])) if match else None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
