"""Machines for the doctor: trees of files, installed libraries, and the results of their child processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_cls.doctor.machine import Machine, Outcome

NOW = 1_800_000_000.0
LIBRARIES = {
    "numpy": "2.2.0",
    "ai-edge-litert": "2.1.0",
    "opencv-python-headless": "4.12.0.88",
    "picamera2": "0.3.30",
    "gpiozero": "2.0.1",
    "lgpio": "0.2.2.0",
}
CAMERA = 'cameras [["imx708", "/base/soc/i2c0mux/i2c@1/imx708@1a"]]\n'
CHILDREN = {"picamera2": CAMERA, "cv2": "4.12.0\n", "image_ms": "backbones lite0-160: 9.8 ms an image\n"}


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@dataclass
class Children:
    """Runs nothing: returns the result for the first word that the command contains; any other command succeeds."""

    ends: dict[str, Outcome] = field(default_factory=dict)

    def __call__(self, argv: Sequence[str]) -> Outcome:
        for word, outcome in self.ends.items():
            if word in " ".join(argv):
                return outcome
        return Outcome(0, next((text for word, text in CHILDREN.items() if word in argv[-1]), ""), "")


def machine(
    root: Path,
    *,
    installed: Mapping[str, str] = LIBRARIES,
    ends: Mapping[str, Outcome] | None = None,
    forbidden: Callable[[Path], bool] = lambda _: False,
    free: int | Callable[[Path], tuple[int, int]] = 20 * 2**30,
    **changes: Any,
) -> Machine:
    """Return a machine that is healthy except for the given properties."""
    importable = {"opencv-python-headless": "cv2"}
    modules = {importable.get(name, name) for name in installed}
    known: dict[str, Any] = {
        "root": root,
        "environ": {"USER": "ada", "LG_WD": str(root)},
        "prefix": root / "home/ada/venv",
        "folder": root,
        "python": (3, 11),
        "kernel": "aarch64",
        "bits": 64,
        "now": NOW,
        "version": installed.get,
        "importable": lambda module: module in modules,
        "may": lambda path: not forbidden(path),
        "free": free if callable(free) else lambda _: (free, 32 * 2**30),
        "run": Children(dict(ends or {})),
        "clock_off": lambda: False,
    }
    return Machine(**(known | changes))


def pi(root: Path, model: str = "Raspberry Pi 4 Model B Rev 1.4") -> Path:
    """Write the files of the kernel that all models of the Raspberry Pi have."""
    return write(
        root,
        {
            "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
            "proc/device-tree/model": f"{model}\0",
            "proc/self/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n/dev/mmcblk0p1 /boot/firmware vfat ro 0 0\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "51121\n",
            "sys/block/mmcblk0/device/type": "SD\n",
            "sys/block/mmcblk0/device/name": "SD32G\n",
            "run/systemd/timesync/synchronized": "",
            "run/systemd/system/.keep": "",
            "dev/gpiochip0": "",
        },
    )


def pi_4(root: Path) -> Path:
    """Write a Raspberry Pi 4, with the flags of its firmware."""
    return write(pi(root), {"sys/devices/platform/soc/soc:firmware/get_throttled": "0\n"})


def pi_5(root: Path) -> Path:
    """Write a Raspberry Pi 5: its voltage is an alarm of the kernel, and many video devices are not cameras."""
    pi(root, "Raspberry Pi 5 Model B Rev 1.0")
    for number in range(4):
        entry = f"sys/class/video4linux/video{number}"
        write(root, {f"{entry}/name": "pispbe-input\n", f"{entry}/index": "0\n"})
    return write(root, {"sys/class/hwmon/hwmon2/name": "rpi_volt\n", "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "0\n"})


def zero_2(root: Path) -> Path:
    return pi(root, "Raspberry Pi Zero 2 W Rev 1.0")


def workstation(root: Path) -> Path:
    return write(
        root,
        {
            "etc/os-release": 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
            "proc/self/mounts": "/dev/nvme0n1p2 / ext4 rw,relatime 0 0\n",
        },
    )


def usb_camera(root: Path, number: int = 0, name: str = "HD Webcam") -> Path:
    """Write a USB camera and its second device, for metadata."""
    for index in range(2):
        entry = f"sys/class/video4linux/video{number + index}"
        write(root, {f"{entry}/name": f"{name}\n", f"{entry}/index": f"{index}\n", f"dev/video{number + index}": ""})
        (root / "sys/bus/usb").mkdir(parents=True, exist_ok=True)
        (root / entry / "device").mkdir()
        (root / entry / "device/subsystem").symlink_to(root / "sys/bus/usb")
    return root
