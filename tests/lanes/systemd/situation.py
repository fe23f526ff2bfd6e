"""The initial situation of the tests: a network camera, a configuration, and three taught classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_jpeg
from tests.lanes.systemd.machine import SERVICE, Machine
from tests.scenes import scene

PORT = 8899
CLASSES = {"mug": 1, "cup": 2, "plate": 3}
"""The taught classes, each with the seed of its scene."""
MEMORY = "/var/lib/edge-cls/taught.db"
CONFIG = f"""\
memory = "{MEMORY}"
classes = "memory"
[source]
name = "http://127.0.0.1:{PORT}/"
[states]
smoothing_s = 0.0
dwell_s = 0.0
enter = 0.5
[limits]
max_fps = 10.0
[[sink]]
kind = "state_file"
"""

_TAUGHT = "/opt/taught.db"
_SCENE = "/opt/scene.jpg"
_CAMERA = "network-camera.service"


class NetworkCamera:
    """A camera on the machine's own network."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        machine.write("/opt/network_camera.py", Path(__file__).with_name("network_camera.py").read_bytes())

    def shows(self, label: str | None) -> None:
        """Show the scene of a class, or an unknown one."""
        self._machine.write(_SCENE, photo(0 if label is None else CLASSES[label]))

    def switch_on(self) -> None:
        """Start serving."""
        words = ["/usr/bin/python3", "/opt/network_camera.py", str(PORT), _SCENE]
        self._machine.good("systemd-run", "--quiet", f"--unit={_CAMERA}", *words)

    def switch_off(self) -> None:
        """Stop serving. Calling it twice is safe."""
        self._machine.run("systemctl", "stop", _CAMERA)


def photo(seed: int, shade: float = 1.0) -> bytes:
    """Return a JPEG of a scene, in a certain light."""
    frame: Frame = np.asarray(np.clip(scene(seed, 480) * shade, 0, 255), np.uint8)
    return encode_jpeg(frame)


def install(machine: Machine, config: str = CONFIG, *, taught: bool = False) -> None:
    """Install the service with `config` and start it; `taught`: whether to teach the classes first."""
    machine.write("/etc/edge-cls/config.toml", config)
    machine.edge_cls("service", "install")
    if taught and machine.run("test", "-e", _TAUGHT).returncode:
        _teach(machine)
        machine.edge_cls("memory", "backup", _TAUGHT, "--memory", MEMORY)
    elif taught:
        machine.good("install", "--owner=edge-cls", "--group=edge-cls", "-D", _TAUGHT, MEMORY)
    machine.good("systemctl", "start", "--no-block", SERVICE)


def _teach(machine: Machine) -> None:
    """Teach the classes, as the service's user."""
    for label, seed in CLASSES.items():
        for number, shade in enumerate((0.7, 0.8, 0.9, 1.0, 1.1)):
            machine.write(f"/opt/photos/{label}/{number}.jpg", photo(seed, shade))
        photos = [f"/opt/photos/{label}/{number}.jpg" for number in range(5)]
        machine.as_service("teach", label, *photos, "--memory", MEMORY)


def seen(machine: Machine) -> dict[str, object]:
    """Return the state file of the service; empty if it does not exist yet."""
    done = machine.run("cat", "/run/edge-cls/state.json")
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


def recognises(machine: Machine, camera: NetworkCamera, label: str) -> None:
    """Return once the service classifies the scene of `label` as `label`."""
    camera.shows(label)
    machine.wait_until(lambda: seen(machine).get("state") == label, f"{label} is recognised")
