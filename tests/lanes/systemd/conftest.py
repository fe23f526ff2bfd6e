"""The machine of the tests, and its camera."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lanes.systemd.machine import Machine
from tests.lanes.systemd.situation import NetworkCamera, install

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def root(shared: Path) -> Path:
    """A Debian with systemd. If SYSTEMD_ROOT does not name an existing one, a new one is made."""
    if os.geteuid() != 0:
        pytest.skip("a container is booted by root only")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(os.environ.get("SYSTEMD_ROOT") or cache / "edge-cls/testbed/systemd")
    if not (root / "usr/lib/systemd/systemd").exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        words = ["bash", str(shared / "testbed/systemd.sh"), "setup", str(root)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            shutil.rmtree(root, ignore_errors=True)
            pytest.skip(f"no root for a container could be made: {done.stdout[-500:]}")
    return root


@pytest.fixture(scope="session")
def machine(root: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with edge-cls installed from a wheel. It is a copy, so that its changes are lost at the end."""
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run(["cp", "--archive", root, folder / "root"], check=True)
    machine = Machine(shared / "testbed/systemd.sh", folder / "root")
    try:
        try:
            machine.boot()
        except RuntimeError as error:
            pytest.skip(str(error))
        machine.install_wheel(HERE.parents[2], folder / "wheels")
        yield machine
    finally:
        machine.stop()
        shutil.rmtree(folder)


@pytest.fixture
def camera(machine: Machine) -> Iterator[NetworkCamera]:
    """The camera, switched off, in front of an unknown scene."""
    camera = NetworkCamera(machine)
    camera.shows(None)
    yield camera
    camera.switch_off()


@pytest.fixture
def service(machine: Machine, camera: NetworkCamera) -> Iterator[Machine]:
    """The machine with the running service and three taught classes; the service is purged at the end."""
    machine.forget_log()
    camera.switch_on()
    install(machine, taught=True)
    machine.wait_for("ActiveState", "active")
    yield machine
    machine.edge_cls("service", "uninstall", "--purge")
